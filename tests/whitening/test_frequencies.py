"""The frequency plane as a real orthonormal basis, and spectra read at another size."""

import pytest
import torch

from img2noise import fit, measure
from img2noise.whitening.frequencies import HalfPlane, radius, resample

from ..cases import close, normal
from ..each import each

SIZES = [(4, 6), (5, 7), (6, 5), (7, 4), (1, 8), (8, 1), (1, 1), (2, 2), (16, 10)]
OTHERS = [(8, 8), (16, 16), (12, 20), (7, 9), (31, 10), (5, 64)]


def spectrum(height, width, channels=3, seed=0):
    """The mean X X^H of four random pictures over the half plane: Hermitian blocks, S(-f) = conj S(f)."""
    bins = torch.fft.rfft2(normal(4, channels, height, width, seed=seed), norm="ortho").permute(2, 3, 1, 0)
    return bins @ bins.mH / 4


def law(height, width, channels=3):
    """M / |f|^2, with a DC that grows as the number of pixels."""
    m = normal(channels, channels, seed=4) + 1j * normal(channels, channels, seed=5)
    m = (m @ m.mH).real.to(torch.complex128)
    squared = radius(height, width) ** 2
    squared[0, 0] = 1 / (height * width)
    return m / squared[..., None, None]


@each("size", SIZES)
def test_pack_is_an_orthonormal_matrix(size):
    plane, channels = HalfPlane(*size), 2
    count = channels * size[0] * size[1]
    pictures = torch.eye(count, dtype=torch.float64).view(count, channels, *size)
    d = plane.pack(plane.transform(pictures))  # row i: the coordinates of pixel i
    assert d.shape == (count, count) and d.dtype == torch.float64
    assert close(d @ d.T, torch.eye(count, dtype=torch.float64), 1e-12)


@each("size", SIZES)
def test_every_step_to_coordinates_has_an_exact_inverse(size):
    plane, x = HalfPlane(*size), normal(3, 2, *size)
    bins = plane.transform(x)
    assert bins.shape == (3, len(plane.bins), 2)
    assert close(plane.inverse(bins), x, 1e-13)
    q = plane.pack(bins)
    assert close(plane.unpack(q), bins, 1e-13)
    assert close(plane.pack(plane.unpack(normal(3, q.shape[1]))), normal(3, q.shape[1]), 1e-13)


@each("size", SIZES)
def test_the_independent_bins_and_their_twins_are_the_half_plane(size):
    plane = HalfPlane(*size)
    every = torch.cat([plane.bins, plane.twins]).sort().values
    assert torch.equal(every, torch.arange(size[0] * (size[1] // 2 + 1)))
    real = len(plane.bins) - plane.complex_count
    assert real == (1 + (size[0] % 2 == 0)) * (1 + (size[1] % 2 == 0))  # the f with f = -f
    assert 2 * plane.complex_count + real == size[0] * size[1]


@each("size", SIZES)
def test_a_value_per_bin_is_spread_over_the_coordinates_made_of_it(size):
    plane = HalfPlane(*size)
    values = torch.rand(len(plane.bins), 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bins = plane.transform(normal(3, 2, *size))
    assert close(plane.pack(bins * values), plane.pack(bins) * plane.spread(values), 1e-13)


@each("size", [(4, 6), (5, 7)])
def test_the_radius_is_in_cycles_per_pixel(size):
    height, width = size
    for i in range(height):
        for j in range(width // 2 + 1):
            fy = (i if 2 * i < height else i - height) / height
            assert abs(float(radius(*size)[i, j]) - (fy**2 + (j / width) ** 2) ** 0.5) < 1e-15


@each("size", SIZES)
def test_a_spectrum_read_at_its_own_size_is_itself(size):
    s = spectrum(*size)
    assert torch.equal(resample(s, size[1], size), s)


@each("size", [(8, 8), (9, 12)])
@each("other", OTHERS)
def test_a_power_law_is_reproduced_at_every_size(size, other):
    read, expected = resample(law(*size), size[1], other), law(*other)
    assert read.shape == expected.shape
    assert float(((read - expected).abs() / expected.abs()).max()) < 1e-12


@each("other", OTHERS)
def test_white_noise_stays_nearly_white_and_a_shared_frequency_is_kept(other):
    s = spectrum(16, 16)
    doubled = resample(s, 16, (32, 32))
    assert close(doubled[::2, ::2][1:].abs(), s[:, :9][1:].abs(), 1e-12)
    flat = torch.eye(3, dtype=torch.complex128).expand(32, 17, 3, 3)
    read = resample(flat, 32, other).diagonal(dim1=2, dim2=3).real
    seen = radius(*other) > 3 / 32  # below, |f|^2 times a constant is far from a straight line between bins
    assert float((read[seen] - 1).abs().max()) < 0.1


@each("size", [(8, 8), (9, 12), (6, 7)])
@each("other", OTHERS)
def test_what_is_read_is_a_spectrum_of_real_pictures(size, other):
    read = resample(spectrum(*size), size[1], other)
    assert close(read, read.mH, 1e-12)
    scale = read.diagonal(dim1=2, dim2=3).real.sum(-1).clamp_min(1e-300)
    assert float((torch.linalg.eigvalsh(read)[..., 0] / scale).min()) > -1e-12
    for column in {0, other[1] // 2} if other[1] % 2 == 0 else {0}:  # these hold both f and -f
        mirrored = read[:, column].roll(-1, 0).flip(0).conj()
        assert close(read[:, column], mirrored, 1e-12)


@each("size", [(1, 1), (1, 8), (8, 1)])
def test_a_side_of_one_is_read_at_its_own_size_or_refused(size):
    pictures = normal(60, 2, *size, seed=5)
    whitener = fit(measure(pictures))
    assert bool(torch.isfinite(whitener.whiten(pictures)).all())
    for read in (lambda: whitener.whiten(normal(1, 2, 8, 8)), lambda: measure(pictures, size=(8, 8))):
        with pytest.raises(ValueError, match=f"spectrum of {size[0]} x {size[1]} for pictures of 8 x 8"):
            read()


def test_a_grid_of_one_holds_the_mean_alone():
    moments = measure(normal(60, 2, 16, 16), size=(1, 1))
    assert fit(moments).whiten(normal(3, 2, 1, 1)).isfinite().all()
    with pytest.raises(ValueError, match="expected sides of at least 2"):
        fit(moments).at_size(16, 16)


@each("other", OTHERS)
def test_reading_is_linear(other):
    a, b = spectrum(8, 8, seed=1), spectrum(8, 8, seed=2)
    together = resample(2 * a + 3 * b, 8, other)
    apart = 2 * resample(a, 8, other) + 3 * resample(b, 8, other)
    assert float((together - apart).abs().max() / apart.abs().max()) < 1e-13


@each("other", OTHERS)
def test_the_mean_of_the_pictures_enters_no_other_frequency(other):
    s = spectrum(8, 8)
    brighter = s.clone()
    brighter[0, 0] *= 1e6
    a, b = resample(s, 8, other), resample(brighter, 8, other)
    assert torch.equal(a[1:], b[1:]) and torch.equal(a[:, 1:], b[:, 1:])
    assert torch.allclose(b[0, 0], s[0, 0] * 1e6 * (other[0] * other[1] / 64), rtol=1e-13)


def test_a_transform_keeps_the_precision_it_is_given():
    plane, x = HalfPlane(4, 6), normal(2, 3, 4, 6).float()
    assert plane.transform(x).dtype == torch.complex64
    assert plane.pack(plane.transform(x)).dtype == torch.float32
    assert plane.inverse(plane.transform(x)).dtype == torch.float32
