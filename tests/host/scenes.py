"""What the tests of the inversions sample with: tiny models, prompts, guiders, schedules and photos."""

from __future__ import annotations

from pathlib import Path

import torch

from . import checkpoints
from .graphs import Graph

HOW = dict(method="edit-friendly", skip=0.25, few_steps="off")  # of edit-friendly inversions here


def model(graph: Graph, family: str = "sd", lora: bool = False) -> list:
    found = graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name(family))[0]
    name = dict(lora_name=checkpoints.lora(family), strength_model=1.0)
    return graph("LoraLoaderModelOnly", model=found, **name)[0] if lora else found


def prompt(graph: Graph, seed: int, family: str = "sd") -> list:
    pooled = checkpoints.POOLED.get(family, 1280)
    return graph("TestConditioning", seed=seed, dim=checkpoints.CONTEXT[family], pooled=pooled)[0]


def controlled(graph: Graph, seed: int, end: float = 1.0, family: str = "sd") -> tuple[list, list]:
    """A prompt and a negative one, both under a ControlNet up to that share of the sampling."""
    node = graph(
        "ControlNetApplyAdvanced",
        positive=prompt(graph, seed, family),
        negative=prompt(graph, 99, family),
        control_net=graph("ControlNetLoader", control_net_name=checkpoints.control(family))[0],
        image=graph("EmptyImage", width=128, height=128, color=0x3080C0)[0],
        strength=0.7,
        end_percent=end,
    )
    return node[0], node[1]


def hooked(graph: Graph, seed: int) -> list:
    """A prompt that brings its own LoRA."""
    how = dict(lora_name=checkpoints.lora(), strength_model=1.0, strength_clip=0.0)
    hooks = graph("CreateHookLora", **how)[0]
    how = dict(cond_NEW=prompt(graph, seed), strength=1.0, set_cond_area="default", hooks=hooks)
    return graph("ConditioningSetProperties", **how)[0]


def guider(graph: Graph, found: list, seed: int = 1, family: str = "sd", cfg: float | None = None) -> list:
    """A guider for the prompt of that seed: core's BasicGuider, or with a cfg its CFGGuider."""
    if cfg is None:
        return graph("BasicGuider", model=found, conditioning=prompt(graph, seed, family))[0]
    prompts = dict(positive=prompt(graph, seed, family), negative=prompt(graph, 99, family))
    return graph("CFGGuider", model=found, **prompts, cfg=cfg)[0]


def sigmas(graph: Graph, found: list, steps: int = 6, **how) -> list:
    return graph("BasicScheduler", model=found, scheduler="normal", steps=steps, **how)[0]


def photo(graph: Graph, seed: int = 3, **size) -> list:
    return graph("TestLatent", seed=seed, **size)[0]


def pictured(graph: Graph, latent: list | None = None, channels: int = 4) -> dict:
    """An image that a latent is like, and what encodes it."""
    vae = graph("TestVae", channels=channels)[0]
    samples = latent or photo(graph, width=8, height=8)
    return dict(image=graph("VAEDecode", samples=samples, vae=vae)[0], vae=vae)


def written(graph: Graph, values: str) -> list:
    """Sigmas as they are written."""
    return graph("TestSigmas", values=values)[0]


def unknown(graph: Graph, found: list) -> list:
    """The model as one that goes from picture to picture, whose noise levels the pack does not know."""
    return graph("ModelSamplingDiscrete", model=found, sampling="img_to_img", zsnr=False)[0]


def euler(graph: Graph) -> list:
    return graph("KSamplerSelect", sampler_name="euler")[0]


def no_noise(graph: Graph) -> list:
    return graph("DisableNoise")[0]


def sampled(graph: Graph, **wires) -> list:
    """SamplerCustomAdvanced's output."""
    return graph("SamplerCustomAdvanced", **wires)[0]


def dump(graph: Graph, **values) -> None:
    """Write what is on each wire under its name."""
    for name, value in values.items():
        graph("TestDump", value=value, name=name)


def samples(server, *names: str) -> list:
    """The samples that `dump` wrote."""
    return [server.tensors(name)["samples"] for name in names]


def refusal(server, graph: Graph, node: str) -> str:
    """What a node says of wires that it must refuse, which is one sentence; the next prompt then runs."""
    error = server.error(graph)
    message = error["exception_message"].strip()
    assert (error["node_type"], error["exception_type"]) == (node, "ValueError"), error
    assert len(message) > 20 and "\n" not in message
    fine = Graph(server.object_info)
    dump(fine, fine=photo(fine))
    server.run(fine)
    return message


def told(outputs: dict, node: str) -> str:
    """The text that a node shows."""
    return outputs[node]["text"][0]


def inversion(graph: Graph, who: list, levels: list, latent: list | None = None, **how) -> str:
    latent = latent or photo(graph, width=8, height=8)
    wires = dict(guider=who, sigmas=levels, latent=latent)
    return graph("Img2NoiseImageToNoiseMaps", **wires, **{**HOW, **how})


def replayed(graph: Graph, maps: list, who: list, **beside) -> list:
    return graph("Img2NoiseSampleNoiseMaps", guider=who, noise_maps=maps, **beside)[0]


def edited(graph: Graph, source: list, target: list, levels: list, latent: list | None = None, **how) -> list:
    wires = dict(
        source=source, target=target, sigmas=levels, latent=latent or photo(graph, width=8, height=8)
    )
    return graph("Img2NoisePromptEdit", **wires, **{**HOW, **how})[0]


def newest(folder: Path, prefix: str) -> Path:
    """The last file that was saved under a prefix."""
    return max(folder.glob(f"{prefix}_?????_.safetensors"))


def close(server, one: str, other: str, atol: float = 1e-4) -> None:
    """Fails unless two dumped latents are equal, in the units they have on their wires."""
    torch.testing.assert_close(*samples(server, one, other), atol=atol, rtol=0)


def apart(server, one: str, other: str) -> bool:
    """Whether two dumped latents are different pictures."""
    a, b = samples(server, one, other)
    return float((a - b).std()) > 0.02
