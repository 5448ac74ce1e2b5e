"""A stationary whitener at sizes it was not measured at, on fields of a known spectrum and on photos."""

import os
from pathlib import Path

import pytest
import torch

from img2noise import fit, measure
from img2noise.whitening.frequencies import radius

from ..cases import close, definite, normal

OTHER_SIZES = [(96, 96), (48, 80), (45, 63)]
PHOTOS = os.environ.get("IMG2NOISE_PHOTOS", "")


def field(count, height, width, seed, exponent=2.0, floor=2.0):
    """Periodic pictures of three correlated channels whose power is 1 / |f|^exponent and a floor."""
    r = radius(height, width)
    r[0, 0] = (height * width) ** -0.5
    amplitude = (r**-exponent + floor).sqrt()
    mix = torch.linalg.cholesky(definite(3, seed=1)).to(torch.complex128)
    white = torch.fft.rfft2(normal(count, 3, height, width, seed=seed))
    return torch.fft.irfft2(torch.einsum("ij,njhw->nihw", mix, white * amplitude), s=(height, width))


def window(count, height, width, seed):
    """Windows of a larger field: like photos they have borders that do not meet."""
    return field(count, 128, 128, seed)[:, :, :height, :width]


def whiteness(batches):
    """std per channel, and the correlation of neighbors across and down, of batches (B, C, H, W)."""
    power = torch.stack([z.square().mean((2, 3)).mean(0) for z in batches]).mean(0)
    across = sum(float((z[..., 1:] * z[..., :-1]).mean()) for z in batches) / len(batches)
    down = sum(float((z[..., 1:, :] * z[..., :-1, :]).mean()) for z in batches) / len(batches)
    return power.sqrt(), across / float(power.mean()), down / float(power.mean())


def assert_white(batches):
    std, across, down = whiteness(batches)
    assert float((std - 1).abs().max()) < 0.05, f"std {std.tolist()}"
    assert abs(across) < 0.05 and abs(down) < 0.05, f"neighbors {across}, {down}"


@pytest.mark.parametrize("size", OTHER_SIZES)
@pytest.mark.parametrize("make", [field, window])
def test_a_whitener_measured_at_one_size_whitens_at_another(make, size):
    x = make(60, *size, seed=7)
    std, across, down = whiteness([x])
    assert across > 0.4 and down > 0.4 and float((std - 1).abs().min()) > 0.2  # there was something to whiten
    whitener = fit(measure(make(200, 64, 64, seed=3)))
    z = whitener.whiten(x)
    assert_white([z])
    channels = z.transpose(0, 1).flatten(1)
    assert close(torch.corrcoef(channels), torch.eye(3, dtype=torch.float64), 0.05)
    assert close(whitener.dewhiten(z), x, 1e-10)


@pytest.mark.parametrize("size", OTHER_SIZES)
def test_a_whitener_at_another_size_is_the_one_that_at_gives(size):
    whitener, x = fit(measure(field(30, 16, 16, seed=3))), field(2, *size, seed=4)
    other = whitener.at_size(*size)
    assert other.shape == (3, *size) and whitener.shape == (3, 16, 16)
    assert torch.equal(other.whiten(x), whitener.whiten(x))
    again = [whitener.whiten(v) for v in (x, field(2, 16, 16, seed=5), x)]
    assert torch.equal(again[0], again[2])  # sizes in turn do not disturb each other


@pytest.mark.parametrize("height", [64, 256])
def test_the_power_of_a_picture_pixel_for_pixel_hardly_depends_on_size(height):
    whitener = fit(measure(field(200, 32, 32, seed=3, exponent=1.0)))
    powers = [float(whitener.at_size(n, n).eigenvalues(torch.zeros(1)).mean()) for n in (32, height)]
    assert abs(powers[1] / powers[0] - 1) < 0.15


def photo(path, side):
    """The middle of a photo scaled down to this short side, (3, side, side); None if it is smaller."""
    image = pytest.importorskip("PIL.Image", reason="reading photos needs Pillow").open(path)
    image.draft("RGB", (side, side))
    image = image.convert("RGB")
    scale = side / min(image.size)
    if scale > 1:
        return None
    width, height = (round(n * scale) for n in image.size)
    pixels = torch.frombuffer(bytearray(image.resize((width, height), 1).tobytes()), dtype=torch.uint8)
    x = pixels.view(height, width, 3).permute(2, 0, 1) / 127.5 - 1
    top, left = (height - side) // 2, (width - side) // 2
    return x[:, top : top + side, left : left + side]


def tiles(x, height, width):
    """All tiles of a picture: whatever their size the same pixels, the busy middle as often as the rest."""
    rows = x.unflatten(2, (-1, width)).unflatten(1, (-1, height))  # (C, rows, h, columns, w)
    return rows.permute(1, 3, 0, 2, 4).flatten(0, 1)  # (tiles, C, h, w)


@pytest.fixture(scope="module")
def photos():
    paths = sorted(p for p in Path(PHOTOS).glob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    found = [photo(path, 128) for path in paths[:: max(1, len(paths) // 150)][:150]]
    return [x for x in found if x is not None]


@pytest.mark.skipif(not PHOTOS, reason="name a folder of photos in IMG2NOISE_PHOTOS to whiten real ones")
@pytest.mark.parametrize("size", [(64, 64), (128, 128), (64, 128), (128, 64)])
def test_photos_are_whitened_at_other_sizes_by_a_fit_that_has_not_seen_them(photos, size):
    # Photos differ so much that 30 held out would leave the std uncertain by a tenth: each is held out once.
    folds = 10
    moments = [[measure(tiles(x, 64, 64)) for x in photos[k::folds]] for k in range(folds)]
    noises = []
    for k in range(folds):
        first, *rest = [m for j in range(folds) if j != k for m in moments[j]]
        whitener = fit(sum(rest, start=first))
        noises += [whitener.whiten(tiles(x, *size)) for x in photos[k::folds]]
    assert len(noises) > 100
    assert_white(noises)
