"""Tiny autoencoders against the layers of their paper's description, written out, and against diffusers."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from img2noise.photos import tiny
from img2noise.photos.autoencoders import load_autoencoder

from ..cases import close, normal
from ..each import each

TAESD = os.environ.get("IMG2NOISE_TAESD", "")


def weights_of(channels, pooled, encoder=True):
    """Weights of random numbers under the names of the published files."""
    made = {}

    def conv(name, out, inputs=64, bias=True, size=3):
        made[f"{name}.weight"] = normal(out, inputs, size, size, seed=len(made)).float() / (inputs * 5) ** 0.5
        if bias:
            made[f"{name}.bias"] = normal(out, seed=len(made)).float() / 10

    def block(index, pool):
        for part in (0, 2, 4):
            conv(f"{index}.conv.{part}", 64)
        if pool:
            conv(f"{index}.pool.0", 256, bias=False, size=1)
            made[f"{index}.pool.1.weight"] = 1 + normal(256, seed=index).float() / 10
            made[f"{index}.pool.1.bias"] = normal(256, seed=index + 50).float() / 10
            conv(f"{index}.pool.3", 64, 256, bias=False, size=1)

    if encoder:
        conv("0", 64, 3)
        for index in (2, 6, 10):
            conv(str(index), 64, bias=False)
        for index in (1, 3, 4, 5, 7, 8, 9, 11, 12, 13):
            block(index, pooled and index > 10)
        conv("14", channels)
    else:
        conv("1", 64, channels)
        for index in (7, 12, 17):
            conv(str(index), 64, bias=False)
        for index in (3, 4, 5, 8, 9, 10, 13, 14, 15, 18):
            block(index, pooled and index < 6)
        conv("19", 3)
    return made


def forward(w, x, encoder=True):
    """The layers one by one."""

    def conv(name, x, stride=1):
        return F.conv2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), stride, padding=1)

    def block(index, x):
        if f"{index}.pool.0.weight" in w:
            wide = F.conv2d(x, w[f"{index}.pool.0.weight"])
            wide = F.group_norm(wide, 4, w[f"{index}.pool.1.weight"], w[f"{index}.pool.1.bias"])
            x = x + F.conv2d(wide.relu(), w[f"{index}.pool.3.weight"])
        y = conv(f"{index}.conv.4", conv(f"{index}.conv.2", conv(f"{index}.conv.0", x).relu()).relu())
        return (x + y).relu()

    if encoder:
        x = block(1, conv("0", x))
        for start in (2, 6, 10):
            x = conv(str(start), x, stride=2)
            for index in range(start + 1, start + 4):
                x = block(index, x)
        return conv("14", x)
    x = conv("1", 3 * (x / 3).tanh()).relu()
    for start in (3, 8, 13):
        for index in range(start, start + 3):
            x = block(index, x)
        x = conv(str(start + 4), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    return conv("19", block(18, x))


@each(("channels", "pooled"), [(4, False), (16, False), (32, True)])
def test_both_halves_are_their_layers_one_by_one(channels, pooled):
    for encoder, x in ((True, normal(1, 3, 16, 24)), (False, normal(1, channels, 2, 3))):
        weights = weights_of(channels, pooled, encoder)
        assert tiny.is_encoder(weights) == encoder and tiny.is_decoder(weights) != encoder
        with torch.inference_mode():
            found, expected = tiny.half(weights)(x.float()), forward(weights, x.float(), encoder)
        assert close(found, expected, 1e-4 * float(expected.abs().max()))


def test_it_is_the_network_of_diffusers(tmp_path):
    diffusers = pytest.importorskip("diffusers", reason="compare with diffusers: pip install diffusers")
    for half, encoder in (("encoder", True), ("decoder", False)):
        save_file(weights_of(4, False, encoder), tmp_path / f"taesd_{half}.safetensors")
    with torch.random.fork_rng(devices=[]):
        model = diffusers.AutoencoderTiny().eval()
    for half, offset in ((model.encoder, 0), (model.decoder, 1)):
        weights = weights_of(4, False, half is model.encoder)
        half.layers.load_state_dict(
            {f"{int(k.split('.')[0]) - offset}.{k.split('.', 1)[1]}": v for k, v in weights.items()}
        )
    ours, x = load_autoencoder(tmp_path / "taesd_encoder.safetensors", "sd"), normal(1, 3, 16, 16).float()
    with torch.inference_mode():
        latents = model.encode(x).latents
        assert close(ours.encode(x), latents, 1e-4 * float(latents.abs().max()))
        pictures = model.decode(latents).sample
        assert close(ours.decode(latents), pictures, 1e-4 * float(pictures.abs().max()))


def test_an_encoder_of_other_latents_is_refused(tmp_path):
    save_file(weights_of(16, False), tmp_path / "tae_encoder.safetensors")
    assert load_autoencoder(tmp_path / "tae_encoder.safetensors", "flux").model.decoder is None
    with pytest.raises(ValueError, match="16 channels"):
        load_autoencoder(tmp_path / "tae_encoder.safetensors", "sd")
    with pytest.raises(ValueError, match="wan21"):
        load_autoencoder(tmp_path / "tae_encoder.safetensors", "wan21")


@pytest.mark.skipif(not TAESD, reason="name a folder of tiny autoencoders in IMG2NOISE_TAESD")
@each(("space", "name"), [("sd", "taesd"), ("sd3", "taesd3"), ("flux", "taef1"), ("flux2", "taef2")])
def test_a_published_autoencoder_gives_a_picture_back(space, name):
    autoencoder = load_autoencoder(Path(TAESD, f"{name}_encoder.safetensors"), space)
    y, x = torch.meshgrid(torch.linspace(0, 6, 64), torch.linspace(0, 4, 64), indexing="ij")
    pictures = torch.stack([y.sin(), x.cos(), (x + y).sin()])[None] * 0.7
    again = autoencoder.decode(autoencoder.encode(pictures))
    assert float((again - pictures).square().mean()) < 0.01
    assert (
        load_file(Path(TAESD, f"{name}_encoder.safetensors"))["14.bias"].numel() == autoencoder.space.channels
    )
