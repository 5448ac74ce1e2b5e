"""What the nodes do to pictures of the little world, in real graphs: as `tests/world/meaning.py` says."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from ..world import meaning
from ..world.meaning import GUIDANCE, PROMPT, STEPS
from .graphs import Graph
from .scenes import dump, samples

SCALE = 0.18215


@pytest.fixture
def little(server, graph):
    """The little world, its source pictures and ways to ask for more."""
    return Little(server, graph)


class Little:
    def __init__(self, server, graph: Graph):
        self.server, self.graph = server, graph
        self.model, self.clip, self.vae = (graph("Img2NoiseLoadLittleWorld")[k] for k in range(3))
        self.whitener = graph("Img2NoiseLoadWhitener", whitener_name="sd")[0]
        self.levels = graph("BasicScheduler", model=self.model, scheduler="ddim_uniform", steps=STEPS)[0]
        self.source = self.encoded("scene", meaning.pictures(meaning.SCENES))

    def encoded(self, name: str, pictures: torch.Tensor) -> list:
        """The latent of pictures that lie in ComfyUI's input."""
        images = [self.load(f"{name}-{number}.png", picture) for number, picture in enumerate(pictures)]
        while len(images) > 1:
            images[:2] = [self.graph("ImageBatch", image1=images[0], image2=images[1])[0]]
        return self.graph("VAEEncode", pixels=images[0], vae=self.vae)[0]

    def load(self, file: str, picture: torch.Tensor) -> list:
        pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(self.server.input / file)
        return self.graph("LoadImage", image=file)[0]

    def prompt(self, words: str) -> list:
        return self.graph("CLIPTextEncode", clip=self.clip, text=words)[0]

    def guider(self, words: str = PROMPT, cfg: float = 1.0) -> list:
        prompts = dict(positive=self.prompt(words), negative=self.prompt(""))
        return self.graph("CFGGuider", model=self.model, **prompts, cfg=cfg)[0]

    def edit(self, words: str, **how) -> list:
        guiders = dict(source=self.guider(), target=self.guider(words, GUIDANCE))
        wires = dict(**guiders, sigmas=self.levels, latent=self.source, method="edit-friendly", eta=1.0)
        return self.graph("Img2NoisePromptEdit", **{**wires, **how})[0]

    def maps(self) -> list:
        how = dict(method="edit-friendly", eta=1.0, skip=0, noise_seed=1)
        wires = dict(guider=self.guider(), sigmas=self.levels, latent=self.source)
        return self.graph("Img2NoiseImageToNoiseMaps", **wires, **how)[0]

    def played(self, maps: list) -> list:
        return self.graph("Img2NoiseSampleNoiseMaps", guider=self.guider(), noise_maps=maps)[0]

    def inverted(self, latent: list, forward_fraction: float = 0.0) -> list:
        """The noise of a latent, on a NOISE wire."""
        how = dict(scheme="target", forward_fraction=forward_fraction, forward_seed=1)
        wires = dict(noise=self.graph("DisableNoise")[0], guider=self.guider(), sigmas=self.levels)
        wires |= dict(sampler=self.graph("Img2NoiseInversionSampler", **how)[0], latent_image=latent)
        x = self.graph("SamplerCustomAdvanced", **wires)[0]
        return self.graph("Img2NoiseInvertedNoise", model=self.model, sigmas=self.levels, latent=x)[0]

    def sampled(self, noise: list, words: str = PROMPT, cfg: float = 1.0, batch_size: int = 2) -> list:
        empty = self.graph("EmptyLatentImage", width=128, height=128, batch_size=batch_size)[0]
        wires = dict(noise=noise, guider=self.guider(words, cfg), sigmas=self.levels, latent_image=empty)
        sampler = self.graph("KSamplerSelect", sampler_name="euler")[0]
        return self.graph("SamplerCustomAdvanced", **wires, sampler=sampler)[0]

    def latents(self, **made: list) -> list[torch.Tensor]:
        """What is on those wires, in model space."""
        dump(self.graph, **made)
        self.server.run(self.graph)
        return [x * SCALE for x in samples(self.server, *made)]


def test_a_picture_comes_back_from_the_vae_and_from_its_noise_maps(little):
    encoded, played = little.latents(encoded=little.source, played=little.played(little.maps()))
    assert torch.allclose(played, encoded, atol=1e-4)
    assert meaning.error(encoded, meaning.source()) < 0.02  # eight bits a channel


def test_an_edit_to_blue_makes_the_ball_blue_and_leaves_the_rest(little):
    words, _ = meaning.changed(color="blue")
    [made] = little.latents(made=little.edit(words, skip=0.4, noise_seed=1, few_steps="off"))
    meaning.becomes_blue(made)


def test_maps_moved_by_pixels_move_the_ball_as_far(little):
    maps = little.maps()
    moved = {
        f"moved{n}": little.graph("Img2NoiseTransformNoiseMaps", noise_maps=maps, right=n) for n in (-16, 16)
    }
    made = little.latents(**{name: little.played(node[0]) for name, node in moved.items()})
    meaning.moves(made[0], -16)
    meaning.moves(made[1], 16)


def test_recolored_maps_reach_the_color(little):
    mask = little.load("mask.png", meaning.masks().mean(0).expand(3, -1, -1))
    masked = little.graph("ImageToMask", image=mask, channel="red")[0]
    wires = dict(guider=little.guider(), noise_maps=little.maps(), vae=little.vae, mask=masked)
    maps = little.graph(
        "Img2NoiseRecolorNoiseMaps", **wires, color=meaning.GREEN_CODE, strength=meaning.PULL
    )[0]
    meaning.becomes_green(*little.latents(made=little.played(maps)))


def test_a_higher_temperature_departs_further_from_the_picture(little):
    made = {}
    for number, temperature in enumerate(meaning.TEMPERATURES):
        how = dict(latent=little.source, whitener=little.whitener, noise_seed=5, temperature=temperature)
        noise = little.graph("Img2NoiseCorrelatedNoise", **how)[0]
        made[f"temperature{number}"] = little.sampled(noise, cfg=2.0)
    meaning.departs_further(*little.latents(**made))


def test_an_inverted_picture_comes_back(little):
    [made] = little.latents(made=little.sampled(little.inverted(little.source)))
    meaning.comes_back(made)


def test_forward_replacement_lowers_the_error_of_a_plain_wall(little):
    words, truth = meaning.changed(wall=meaning.WALL)
    shares = dict(plain=0.0, replaced=meaning.REPLACED / STEPS)
    noises = {name: little.inverted(little.source, share) for name, share in shares.items()}
    made = {name: little.sampled(noise, words) for name, noise in noises.items()}
    meaning.wall_is_nearer(*little.latents(**made), truth)


def test_the_few_step_remedy_helps_at_four_steps(little):
    words, truth = meaning.changed(color="blue")
    levels = little.graph("BasicScheduler", model=little.model, scheduler="simple", steps=4)[0]
    how = dict(sigmas=levels, skip=meaning.TURBO_SKIP / 4, noise_seed=1)
    made = {name: little.edit(words, **how, few_steps=name) for name in ("off", "on")}
    meaning.remedy_helps(*little.latents(**made), truth)


def test_halfway_between_two_pictures_is_not_blurred(little):
    rows = [
        little.graph("LatentFromBatch", samples=little.source, batch_index=k, length=1)[0] for k in (0, 1)
    ]
    noises = dict(zip(("noise_a", "noise_b"), (little.inverted(row) for row in rows), strict=True))
    half = little.graph("Img2NoiseBlendNoises", **noises, weight=0.5, method="slerp")[0]
    ends = {name: little.sampled(noise, batch_size=1) for name, noise in noises.items()}
    meaning.keeps_its_edges(*little.latents(half=little.sampled(half, batch_size=1), **ends))
