"""The little world as ComfyUI's own objects: a MODEL, a CLIP and a VAE from the files in `world/`.

MODEL  BaseModel over UNetModel, v prediction, SD's schedule and latents; diffusers' names are mapped
CLIP   ComfyUI's tokenizer and encoder around the words and the text encoder of `world.words`
VAE    TAESD (Bohan 2023, MIT), scaled so that the model's latents are those of SD 1.5
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import comfy.model_management as management
import comfy.sd
import comfy.supported_models
import comfy.utils
from comfy.model_base import ModelType
from comfy.model_patcher import CoreModelPatcher, ModelPatcher
from comfy.sd1_clip import (
    SD1ClipModel,
    SD1Tokenizer,
    SDClipModel,
    SDTokenizer,
    escape_important,
    token_weights,
    unescape_important,
)
from comfy.supported_models_base import ClipTarget
from torch import Tensor

from ...img2noise.whitening import SPACES
from ...world.words import LENGTH, WIDTH, WORDS, TextEncoder, split

NAME = "little_world"
FOLDER = Path(__file__).resolve().parents[2] / "world"
WORLD, TAESD = FOLDER / f"{NAME}.safetensors", FOLDER / "taesd.safetensors"
SCALE = SPACES["sd"].scale_factor  # TAESD's latents are those of model space
UNET = dict(
    in_channels=4,
    out_channels=4,
    model_channels=64,
    channel_mult=[1, 2, 2],
    num_res_blocks=[1, 1, 1],
    transformer_depth=[0, 1, 0],
    transformer_depth_output=[0, 0, 1, 1, 0, 0],
    transformer_depth_middle=1,
    context_dim=WIDTH,
    image_size=16,
    use_spatial_transformer=True,
    use_linear_in_transformer=True,
    legacy=False,
    adm_in_channels=None,
)


class Config(comfy.supported_models.SD20):
    unet_extra_config = {**comfy.supported_models.SD20.unet_extra_config, "num_head_channels": 32}

    def model_type(self, state_dict, prefix=""):
        return ModelType.V_PREDICTION


def model(path: Path = WORLD, disable_dynamic: bool = False) -> ModelPatcher:
    """Return the MODEL of a file, in the precision that the host chooses for its device."""
    weights, config = _part(path, "unet."), Config(UNET)
    names = comfy.utils.unet_to_diffusers(config.unet_config)
    weights = {names[name]: value for name, value in weights.items()}
    device, kinds = management.get_torch_device(), config.supported_inference_dtypes
    dtype = management.unet_dtype(
        model_params=sum(value.numel() for value in weights.values()),
        supported_dtypes=kinds,
        weight_dtype=comfy.utils.weight_dtype(weights),
    )
    config.set_inference_dtype(dtype, management.unet_manual_cast(dtype, device, kinds))
    offload = management.unet_offload_device()
    network = config.get_model(weights, device=offload)
    kind = ModelPatcher if disable_dynamic else CoreModelPatcher
    patcher = kind(network, load_device=device, offload_device=offload)
    patcher.cached_patcher_init = (model, (path,))  # how the host makes another of it
    network.load_model_weights(weights, assign=patcher.is_dynamic())
    return patcher


def clip(path: Path = WORLD, **how) -> comfy.sd.CLIP:
    """Return the CLIP of a file. It refuses words that the little world does not know."""
    weights = {f"{NAME}.transformer.{k}": value.float() for k, value in _part(path, "text.").items()}
    encoder = partial(
        SDClipModel,
        max_length=LENGTH,
        textmodel_json_config={},
        special_tokens={"pad": 0},
        model_class=Text,
        return_projected_pooled=False,
    )
    target = ClipTarget(
        partial(SD1Tokenizer, name=NAME, tokenizer=Tokenizer),
        partial(SD1ClipModel, name=NAME, clip_model=encoder),
    )
    parameters = sum(value.numel() for value in weights.values())
    made = comfy.sd.CLIP(target, parameters=parameters, state_dict=weights, **how)
    made.patcher.cached_patcher_init = (lambda path, **how: clip(path, **how).patcher, (path,))
    return made


def vae(path: Path = TAESD) -> comfy.sd.VAE:
    """Return TAESD as the VAE of SD 1.5's latents."""
    weights = {name: value.float() for name, value in _part(path, "").items()}
    weights |= {"vae_scale": Tensor([SCALE])[0], "vae_shift": Tensor([0])[0]}
    return comfy.sd.VAE(sd=weights)


class Words:
    """The vocabulary, as the host asks a tokenizer for it."""

    @classmethod
    def from_pretrained(cls, path, **_):
        return cls()

    def __call__(self, text: str) -> dict:
        return {"input_ids": [WORDS.index(word) for word in split(text)]}

    def get_vocab(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(WORDS)}


class Tokenizer(SDTokenizer):
    def __init__(self, **how):
        sizes = dict(max_length=LENGTH, embedding_size=WIDTH, embedding_key=NAME, tokenizer_class=Words)
        super().__init__("", pad_with_end=False, has_start_token=False, has_end_token=False, **sizes, **how)

    def tokenize_with_weights(self, text: str, *args, **how):
        parts = [unescape_important(part) for part, _ in token_weights(escape_important(text), 1.0)]
        split(" ".join(" ".join(parts).split()))  # refuses the prompt as a whole
        return super().tokenize_with_weights(text, *args, **how)


class Text(TextEncoder):
    """The text encoder, as `SDClipModel` calls it: embeddings to (last layer, layer asked for, pooled)."""

    def __init__(self, config, dtype, device, operations):
        super().__init__()
        self.num_layers = len(self.blocks)
        self.word = operations.Embedding(*self.word.weight.shape)
        self.to(device)

    def get_input_embeddings(self):
        return self.word

    def forward(self, tokens, attention_mask=None, embeds=None, intermediate_output=None, **_):
        x, asked = embeds + self.place, None  # (B, L, W)
        for number, block in enumerate(self.blocks):
            x = block(x)
            if intermediate_output in (number, number - self.num_layers):
                asked = self.norm(x)
        return self.norm(x), asked, None


def _part(path: Path, prefix: str) -> dict[str, Tensor]:
    """Return the tensors of a file whose names begin so, without the prefix."""
    weights = comfy.utils.load_torch_file(str(path), safe_load=True)
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
