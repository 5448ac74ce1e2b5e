"""The examples of docs/library.md, run as they stand on a small random Stable Diffusion pipeline."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from img2noise import replay
from img2noise.inversion import ddim

from .archive import ROOT

diffusers = pytest.importorskip("diffusers", reason="the examples need it: pip install diffusers")
transformers = pytest.importorskip("transformers", reason="the examples need it: pip install transformers")

PAGE = (ROOT / "docs/library.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.+?)^```$", PAGE, re.M | re.S)
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]


def tiny_pipeline():
    """Stable Diffusion with a tokenizer of letters, networks of a few channels and random weights."""
    tokens = [*LETTERS, *(letter + "</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    text = transformers.CLIPTextConfig(
        vocab_size=len(tokens),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=len(tokens) - 2,
        eos_token_id=len(tokens) - 1,
    )
    blocks = dict(block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8)
    networks = dict(
        unet=diffusers.UNet2DConditionModel(
            **blocks,
            sample_size=16,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=4,
        ),
        vae=diffusers.AutoencoderKL(
            **blocks,
            down_block_types=["DownEncoderBlock2D"] * 2,
            up_block_types=["UpDecoderBlock2D"] * 2,
            latent_channels=4,
        ),
        text_encoder=transformers.CLIPTextModel(text),
    )
    return diffusers.StableDiffusionPipeline(
        **networks,
        tokenizer=transformers.CLIPTokenizer({t: i for i, t in enumerate(tokens)}, [], model_max_length=77),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def scheduler():
    """Stable Diffusion 1.5's, with the settings that its repository has."""
    betas = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    return diffusers.DDIMScheduler(**betas, clip_sample=False, set_alpha_to_one=False, steps_offset=1)


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module", params=[torch.float16, torch.float32], ids=str)
def page(request, tmp_path_factory):
    """What the page's examples define, after all of them have run in one folder."""
    folder = tmp_path_factory.mktemp("page")
    rows, columns = np.mgrid[0:32, 0:40]
    pixels = np.stack([rows * 8, columns * 6, 128 + 0 * rows], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "cat.png")

    def from_pretrained(name, torch_dtype):
        assert torch_dtype == torch.float16
        torch.manual_seed(1)
        pipe = tiny_pipeline().to(request.param)
        pipe.set_progress_bar_config(disable=True)
        monkeypatch.setattr(type(pipe), "to", lambda self, device: self)  # there may be no such device
        return pipe

    names = {}
    with pytest.MonkeyPatch.context() as monkeypatch, torch.random.fork_rng(devices=[]), torch.enable_grad():
        monkeypatch.chdir(folder)
        monkeypatch.setattr(diffusers.StableDiffusionPipeline, "from_pretrained", from_pretrained)
        for example in EXAMPLES:
            exec(compile(example, "docs/library.md", "exec"), names)  # noqa: S102
    return SimpleNamespace(**names, folder=folder, half=request.param == torch.float16)


def test_the_edit_takes_fifteen_lines():
    lines = [line for line in EXAMPLES[0].splitlines() if line and not line.startswith("name =")]
    assert len(EXAMPLES) == 5 and "extract(" in EXAMPLES[0] and len(lines) <= 15


def test_the_same_prompt_gives_the_photo_back_and_another_one_changes_it(page):
    rms = float(page.x0.float().square().mean().sqrt())
    same = replay(page.denoiser("a photo of a cat", 3.5), page.maps)
    assert float((same - page.x0).abs().max()) < 1e-3 * rms
    assert float((page.edited - page.x0).abs().max()) > 0.05 * rms
    pictures = [page.pipe.vae.decode(x.to(page.pipe.dtype)).sample for x in (same, page.edited)]
    assert float((pictures[0] - pictures[1]).abs().max()) > 0.01
    assert Image.open(page.folder / "dog.png").size == (40, 32)


def test_the_network_is_called_in_its_precision_and_the_walk_keeps_its_own(page):
    assert page.denoiser("a cat", 2.0).precision == ("float16" if page.half else "float32")
    assert page.edited.dtype == torch.float32 and not page.edited.is_inference()


def test_the_pipeline_makes_of_the_noise_what_ddim_does(page):
    """It keeps its states in the network's precision, which a random network's answers magnify."""
    ours = ddim.sample(page.denoiser("a photo of a cat", 1.0), page.noise, page.sigmas)
    arguments = dict(latents=page.latents, num_inference_steps=50, guidance_scale=1.0, output_type="latent")
    theirs = page.pipe("a photo of a cat", **arguments).images
    error = float((theirs - ours).square().mean() / ours.square().mean()) ** 0.5
    assert error < (0.3 if page.half else 1e-4)
    assert page.cat.size == (40, 32)


def test_noise_for_a_photo_is_white_and_each_preview_its_own(page):
    assert page.white.shape == (8, *page.x0.shape[1:]) == page.previews.shape
    assert abs(float(page.white.std()) - 1) < 0.1
    assert not torch.allclose(page.previews[0], page.previews[1])


def test_noises_of_the_page_are_of_unit_variance_and_hold_what_they_say(page):
    for z in (page.similar, page.kept, page.other, page.mixed):
        assert z.shape == page.x0.shape and 0.5 < float(z.std()) < 1.5
    held = float((page.similar * page.other).mean() / page.similar.square().mean())
    assert held == pytest.approx((1 - 0.3**2) ** 0.5, abs=0.05)
    assert page.dog.shape == page.x0.shape and float(page.shifted.a[0]) == 0 and len(page.shifted) == 29


def test_whitening_is_undone_and_a_search_ends_nearer_than_it_began(page):
    assert torch.allclose(page.whitener.dewhiten(page.z), page.x0.float(), atol=1e-4)
    assert page.found.z.shape == page.z.shape and page.found.loss_ratio < 1
    assert page.mine.structure == "cosine" and page.mine.count == 8
