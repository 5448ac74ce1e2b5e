"""Model space of each latent space, and what its models pack into channels."""

import pytest
import torch

from img2noise.whitening import SPACES

from ..cases import close, normal
from ..each import each

KNOWN = {  # of a latent of ones, per channel
    "sd": [0.18215] * 4,
    "sdxl": [0.13025] * 4,
    "sd3": [(1 - 0.0609) * 1.5305] * 16,
    "flux": [(1 - 0.1159) * 0.3611] * 16,
    "flux2": [1.0] * 32,
    "rgb": [1.0] * 3,
}


@each("name", list(SPACES))
def test_a_space_goes_to_model_space_and_back(name):
    space = SPACES[name]
    x = normal(2, space.channels, *([5] if space.dims == 3 else []), 4, 6)
    assert close(space.from_model(space.to_model(x)), x, 1e-14)
    assert close(space.to_model(space.from_model(x)), x, 1e-14)
    assert space.to_model(x.float()).dtype == torch.float32
    if name in KNOWN:
        expected = torch.tensor(KNOWN[name], dtype=torch.float64).view(1, -1, 1, 1).expand_as(x)
        assert close(space.to_model(torch.ones_like(x)), expected, 1e-14)


def test_a_factor_per_channel_is_that_channels():
    space = SPACES["wan21"]
    z = torch.tensor(space.shift_factor, dtype=torch.float64).view(1, 16, 1, 1, 1)
    assert float(space.to_model(z).abs().max()) == 0
    step = space.to_model(z + 1).flatten()
    assert float(step[0]) == pytest.approx(1 / 2.8184) and float(step[15]) == pytest.approx(1 / 1.9160)


def test_packed_channels_are_squares_of_pixels():
    space, x = SPACES["flux2"], normal(2, 32, 6, 8)
    packed = space.pack(x)
    assert packed.shape == (2, 128, 3, 4) and torch.equal(space.unpack(packed), x)
    for channel, i, j in ((0, 0, 0), (5, 1, 0), (31, 0, 1)):
        assert torch.equal(packed[:, 4 * channel + 2 * i + j], x[:, channel, i::2, j::2])
    assert SPACES["sd"].pack(x) is x
