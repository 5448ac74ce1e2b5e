"""Files made to break us: a clear error that names the file, or a sound object, and nothing else.

IMG2NOISE_FUZZ=10000 tries that many files of each kind of damage; without it a few hundred in all.
"""

from __future__ import annotations

import os
import sys

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import img2noise

from .hostile import KINDS, damaged_headers, damaged_tensors, sound_file

COUNT = int(os.environ.get("IMG2NOISE_FUZZ", 60))
SECONDS, BYTES = 5, 2**30  # the most that a file may cost
fuzz = settings(
    max_examples=COUNT,
    deadline=1000 * SECONDS,
    database=None,
    derandomize=COUNT <= 60,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def memory():
    """Fails where this module has made the process larger than it was by a gigabyte."""
    resource = pytest.importorskip("resource")
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < BYTES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


def tried(function, path):
    """What the function makes of a file, or None where it refuses in a sentence that names it."""
    try:
        return function(path)
    except (ValueError, FileNotFoundError) as error:
        assert type(error) in (ValueError, FileNotFoundError)  # no UnicodeDecodeError that got away
        assert str(path) in str(error) and len(str(error)) < 2000
        return None


def assert_sound(found):
    """An object that works: every number it holds or makes is finite, or it says in a sentence why not."""
    if isinstance(found, torch.Tensor):
        assert found.ndim == 4 and found.numel() and bool(torch.isfinite(found).all())
    elif isinstance(found, img2noise.NoiseMaps):
        assert len(found.levels.steps()) == len(found.residuals) == found.steps - found.skip
        assert img2noise.noise_maps.flip(found).start.shape == found.start.shape
    elif isinstance(found, img2noise.Moments):
        assert (found + found).count == 2 * found.count
        assert_sound_fit(found)
    else:
        assert_whitens(found)


def assert_sound_fit(moments):
    try:
        whitener = img2noise.fit(moments)
    except ValueError:
        return
    assert_whitens(whitener)


def assert_whitens(whitener):
    x = torch.zeros(1, *whitener.shape, dtype=torch.float64)
    assert whitener.whiten(x).shape == x.shape
    assert bool((whitener.eigenvalues(x) > 0).all())


def check(path):
    header = tried(img2noise.metadata, path)
    assert header is None or all(isinstance(v, str) for v in header.values())
    found = tried(img2noise.load, path)
    if found is not None:
        assert header is not None
        assert_sound(found)


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_sound_before_they_are_damaged(kind, folder):
    path = folder / "sound.safetensors"
    path.write_bytes(sound_file(kind))
    assert_sound(img2noise.load(path))


@pytest.mark.parametrize("damage", [damaged_headers, damaged_tensors], ids=lambda d: d.__name__)
def test_a_damaged_file_is_refused_by_name_or_is_sound(damage, folder):
    @fuzz
    @given(st.sampled_from(KINDS).flatmap(damage))
    def run(data):
        path = folder / "hostile.safetensors"
        path.write_bytes(data)
        check(path)

    run()
