"""Autoencoders give back what went through them to where it was, and live no longer than their caller."""

import gc
import weakref
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import avg_pool2d, interpolate

from img2noise.photos.autoencoders import Autoencoder, encoder, load_autoencoder
from img2noise.photos.ray_engine import _reading
from img2noise.whitening import SPACES

from ..cases import close, normal
from ..pretend import Pretend


class Pooling(torch.nn.Module):
    """A model on a pretended device: means of 8 x 8 pixels, and those pixels again."""

    def __init__(self, device):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(3, 1, 1))
        self.gain.pretended = device

    def encode(self, pictures):
        return SimpleNamespace(latents=avg_pool2d(pictures, 8) * self.gain)

    def decode(self, latents):
        return SimpleNamespace(sample=interpolate(latents * self.gain, scale_factor=8))


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_pictures_and_latents_come_back_to_where_they_were(kind):
    pictures = normal(2, 3, 16, 16).float()
    with Pretend(kind) as device:
        autoencoder = Autoencoder(Pooling(device.name), SPACES["rgb"])
        for x in (pictures, device.put(pictures)):
            latents = autoencoder.encode(x)
            again = autoencoder.decode(latents)
            assert latents.device == again.device == x.device
    assert close(latents, avg_pool2d(pictures, 8), 1e-6) and again.shape == pictures.shape


@pytest.fixture
def taesd(tmp_path):
    """The path of a TAESD encoder of random weights, beside its decoder."""
    diffusers = pytest.importorskip(
        "diffusers", reason="autoencoders are loaded by diffusers: pip install diffusers"
    )
    with torch.random.fork_rng(devices=[]):
        model = diffusers.AutoencoderTiny()
    for half, offset in (("encoder", 0), ("decoder", 1)):
        weights = {}
        for name, tensor in getattr(model, half).layers.state_dict().items():
            layer, rest = name.split(".", 1)
            weights[f"{int(layer) + offset}.{rest}"] = tensor
        save_file(weights, tmp_path / f"taesd_{half}.safetensors")
    return tmp_path / "taesd_encoder.safetensors"


def test_an_autoencoder_goes_to_the_gpu_where_there_is_one(taesd, monkeypatch):
    asked = []
    monkeypatch.setattr(torch.nn.Module, "to", lambda model, *where: asked.append(where) or model)
    for there, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        autoencoder = load_autoencoder(taesd, "sd")
        assert asked.pop() == (device,) and not asked and autoencoder.has_decoder


def test_an_encoder_lives_as_long_as_its_caller_keeps_it(taesd):
    encode = encoder(taesd, "sd")
    model = weakref.ref(encode.__self__.model)
    assert encode(torch.zeros(1, 3, 16, 16)).shape == (1, 4, 2, 2) and encoder(taesd, "sd") is not encode
    del encode
    gc.collect()
    assert model() is None
    assert encoder(None, "rgb")(model) is model


def test_a_cluster_loads_what_encodes_its_held_out_photos_once():
    loaded = []
    _, encode = _reading(
        lambda: loaded.append(1) or partial(avg_pool2d, kernel_size=8),
        dict(structure="stationary", size=64, stride=8),
    )
    assert not loaded
    assert encode(torch.ones(1, 3, 16, 16)).shape == encode(torch.ones(1, 3, 16, 16)).shape == (1, 3, 2, 2)
    assert len(loaded) == 1
