"""Nodes without a server, looked at from inside: run as `inside.py PACK MODELS BASE ANSWERS` by a ComfyUI's
Python in its folder. Writes what every widget answered at its default and at both ends, and what each
function of CHECKS found, as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import alone
import torch

FILES = "file", "folder", "whitener_name"  # widgets that list what lies on the disk
SUITED = {  # what else must be set for an end of a widget to make sense
    ("Img2NoiseFirstStepInversion", "iterations", "max"): dict(
        stop="converged", anderson_window=5, tolerance=1e-6
    ),
    ("Img2NoiseFirstStepInversion", "anderson_window"): dict(stop="iterations"),
    ("Img2NoiseFirstStepInversion", "tolerance"): dict(
        stop="converged", latent={"samples": 5 * alone.normal(1, *alone.SIZE)}
    ),
    ("Img2NoiseCompareWhitenings", "shrinkage"): dict(
        latents=lambda w: {"samples": alone.normal(512, *alone.SIZE)},
        noises=lambda w: {"samples": alone.normal(512, *alone.SIZE, seed=1)},
    ),
}
NOT_RUN = {  # why an end is not tried
    ("Img2NoiseAnnealedNoise", "iterations", "max"): "a million steps take minutes",
    ("Img2NoiseFitWhitener", "patch", "max"): "a covariance of 8100 numbers a side takes minutes",
    ("Img2NoiseKSampler", "steps", "max"): "core's own range; ten thousand steps take minutes",
    ("Img2NoiseUnsample", "steps", "max"): "the same",
}


def widgets(node) -> dict[str, dict]:
    """default, min and max of each INT and FLOAT of a node, and the default of each other widget."""
    found = {}
    for given in node.define_schema().inputs:
        ends = {end: getattr(given, end, None) for end in ("default", "min", "max")}
        if given.get_io_type() == "COMBO":
            ends["default"] = ends["default"] or given.options[0]
        if given.id in FILES:
            continue
        if given.get_io_type() in ("INT", "FLOAT", "COMBO", "BOOLEAN"):
            found[given.id] = {end: value for end, value in ends.items() if value is not None}
    return found


def swept(w: alone.World, classes: dict, good: dict) -> list[dict]:
    """What each widget answered at its default, its least and its most."""
    rows = []
    for name, node in classes.items():
        for widget, ends in widgets(node).items():
            for end, value in ends.items():
                if (name, widget, end) in NOT_RUN:
                    continue
                suited = SUITED.get((name, widget, end)) or SUITED.get((name, widget), {})
                suited = {k: v(w) if callable(v) else v for k, v in suited.items()}
                row = dict(node=name, widget=widget, end=end, value=repr(value))
                rows.append(row | alone.answer(node, {**good[name], **suited, widget: value}))
    return rows


def scheduled(w: alone.World, classes: dict, good: dict) -> list[dict]:
    """What the nodes that take a schedule answered with all widgets at their defaults, and with each of the
    two that depend on its length at its ends, for short and long ones.
    """
    rows = []
    for name in ("Img2NoiseImageToNoiseMaps", "Img2NoisePromptEdit", "Img2NoiseInversionSampler"):
        declared = widgets(classes[name])
        defaults = {widget: ends["default"] for widget, ends in declared.items()}
        both = [(widget, end) for widget in ("skip", "eta") for end in ("min", "max") if widget in declared]
        for steps in (1, 4, 20, 1000):
            for change in [{}, *({k: declared[k][end]} for k, end in both)] if steps < 1000 else [{}]:
                inputs = {**good[name], **defaults, **change, "sigmas": torch.linspace(14, 0, steps + 1)}
                row = dict(node=name, steps=steps, change=repr(change))
                rows.append(row | alone.answer(classes[name], inputs))
    return rows


def skipped(w: alone.World, classes: dict, good: dict) -> list:
    """Rows of steps, a share to skip, and the steps that are left."""
    node, found = classes["Img2NoiseImageToNoiseMaps"], []
    default = widgets(node)["skip"]["default"]
    cases = [(steps, default) for steps in (1, 2, 3, 4, 8, 25, 28, 50)]
    for steps, skip in [*cases, (4, 1.0), (100, 0.29), (3, 1 / 3)]:
        inputs = {**good[node.__name__], "sigmas": torch.linspace(14, 0, steps + 1), "skip": skip}
        found.append([steps, skip, len(node.execute(**inputs).result[0].residuals)])
    return found


def inverted_noise_lets_its_model_go(w: alone.World, classes: dict, good: dict) -> list:
    import comfy.sd

    path = str(w.models / "tiny-sd-1.safetensors")
    model = comfy.sd.load_checkpoint_guess_config(path, output_vae=False, output_clip=False)[0]
    inputs = {**good["Img2NoiseInvertedNoise"], "model": model}
    asked = inputs.pop("asked")
    noise = classes["Img2NoiseInvertedNoise"].execute(**inputs).result[0]
    before = noise.generate_noise(asked)
    watched = [weakref.ref(thing) for thing in (model, model.model, model.get_model_object("model_sampling"))]
    del model, inputs
    gc.collect()
    return [[ref() is not None for ref in watched], torch.equal(noise.generate_noise(asked), before)]


def generators_of_other_devices_are_kept(w: alone.World, classes: dict, good: dict) -> list:
    """With generators that stand in for those of MPS and XPU, moved by the work and by work that fails."""
    real = torch.backends, torch.mps, getattr(torch, "xpu", None)
    try:
        return [kept(there, fails) for there in ("mps", "xpu", "mps xpu", "") for fails in (False, True)]
    finally:
        torch.backends, torch.mps, torch.xpu = real


def kept(there: str, fails: bool) -> list:
    """The devices that are there, the states of all afterwards, and whether the CPU's is what it was."""
    [host] = [m for name, m in sys.modules.items() if name.endswith("img2noise_pack.nodes.host.latents")]
    states, before = {"mps": 1, "xpu": [1, 1]}, torch.get_rng_state()
    torch.backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: "mps" in there))
    torch.mps, torch.xpu = generator(states, "mps", ""), generator(states, "xpu", "_all")
    torch.xpu.is_available = torch.xpu.is_initialized = lambda: "xpu" in there
    with suppress(KeyError), host.random_state_kept():
        states |= {"mps": 2, "xpu": [2, 2]}
        torch.rand(1)
        if fails:
            raise KeyError
    return [there, states, torch.equal(before, torch.get_rng_state())]


def generator(states: dict, name: str, suffix: str) -> SimpleNamespace:
    """A module with functions that get and set the state of a device's generator."""
    functions = {
        f"get_rng_state{suffix}": lambda: states[name],
        f"set_rng_state{suffix}": lambda state: states.update({name: state}),
    }
    return SimpleNamespace(**functions)


class Elsewhere(torch.Tensor):
    """A tensor that is taken to lie on another device: it works with its like and with single numbers, and
    comes to the CPU by `to` or `cpu` alone.
    """

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if function in (torch.Tensor.to, torch.Tensor.cpu):
                moved = function(args[0].as_subclass(torch.Tensor), *args[1:], **kwargs)
                to_cpu = function is torch.Tensor.cpu or "cpu" in map(str, (*args[1:2], *kwargs.values()))
                return moved if to_cpu else moved.as_subclass(cls)
            tensors = [a for a in args if isinstance(a, torch.Tensor) and a.ndim]
        if not all(isinstance(t, cls) for t in tensors):
            raise RuntimeError(f"tensors of two devices meet in {function.__name__}")
        return super().__torch_function__(function, types, args, kwargs)


def a_mask_and_a_picture_elsewhere_are_brought_together(w: alone.World, classes: dict, good: dict) -> list:
    """An edit under a mask, with latent and mask on the CPU and where --gpu-only has them."""
    node, made, softer = classes["Img2NoisePromptEdit"], [], w.model().clone()
    softer.set_model_unet_function_wrapper(lambda _, asked: 0.1 * asked["input"])
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :32] = 1
    for there in (lambda x: x, lambda x: x.as_subclass(Elsewhere)):
        inputs = good[node.__name__] | dict(target=w.guider(softer))
        latent = {"samples": there(inputs["latent"]["samples"].clone()), "noise_mask": there(mask.clone())}
        made.append(node.execute(**{**inputs, "latent": latent}).result[0]["samples"])
    before = good[node.__name__]["latent"]["samples"]
    kept = torch.allclose(made[1][..., 5:], before[..., 5:], atol=1e-5)
    return [torch.equal(*made), kept, torch.allclose(made[1], before, atol=1e-2)]


def a_folder_is_looked_at_within_bounds(w: alone.World, classes: dict, good: dict) -> dict:
    [host] = [m for name, m in sys.modules.items() if name.endswith("img2noise_pack.nodes.host.folders")]
    node = classes["Img2NoiseFitWhitenerFromFolder"]
    folder = host.input_folder("photos")
    first = node.fingerprint_inputs(folder="photos")
    found = dict(same=node.fingerprint_inputs(folder="photos") == first, length=len(first))
    (folder / "notes.txt").write_text("no photo")
    found["beside a text"] = node.fingerprint_inputs(folder="photos") == first
    (folder / "below").mkdir()
    (folder / "below" / "new.png").write_bytes((folder / "0.png").read_bytes())
    second = node.fingerprint_inputs(folder="photos")
    found["with a new photo"] = second == first
    later = time.time_ns() + 10**9
    os.utime(folder / "1.png", ns=(later, later))
    found["with a changed photo"] = node.fingerprint_inputs(folder="photos") == second
    looked_at, entries, most = [], host._entries, host.MOST_ENTRIES

    def counted(folder):
        for entry in entries(folder):
            looked_at.append(entry.name)
            yield entry

    host._entries, host.MOST_ENTRIES = counted, 5
    try:
        found["of another bound"] = node.fingerprint_inputs(folder="photos") == second
    finally:
        host._entries, host.MOST_ENTRIES = entries, most
    (folder / "below" / "new.png").unlink()
    return found | dict(looked_at=len(looked_at))


def noise_levels_of_every_class_of_core(w: alone.World, classes: dict, good: dict) -> dict:
    """(a, b, m) at level 1/2 of a model with each of core's samplings, or the sentence that refuses it; None
    where this ComfyUI has no such class.
    """
    import comfy.model_sampling as core

    [host] = [m for name, m in sys.modules.items() if name.endswith("img2noise_pack.nodes.host.models")]
    kinds = "EPS V_PREDICTION EDM X0 COSMOS_RFLOW CONST V_PREDICTION_DDPM IMG_TO_IMG IMG_TO_IMG_FLOW"
    found = {}
    for kind in [*kinds.split(), "noise scale", "audio"]:
        base = getattr(core, "CONST" if kind in ("noise scale", "audio") else kind, None)
        schedule = getattr(core, "ModelSamplingAV" if kind == "audio" else "ModelSamplingDiscreteFlow", None)
        if base is None or schedule is None or not hasattr(schedule, "set_noise_scale"):
            found[kind] = None
            continue
        sampling = type("Sampling", (schedule, base), {"sigma_data": 1.0})(w.model().model.model_config)
        if kind == "noise scale":
            sampling.set_noise_scale(8.0)
        if kind == "audio":
            sampling.set_parameters(shift=3.0, audio_shift=5.0)
        model = w.model().clone()
        model.add_object_patch("model_sampling", sampling)
        try:
            levels = host.levels_of(model, torch.tensor([0.5]))
            found[kind] = [float(x) for x in (levels.a, levels.b, levels.m)]
        except ValueError as error:
            found[kind] = str(error)
    return found


CHECKS = [
    noise_levels_of_every_class_of_core,
    swept,
    scheduled,
    skipped,
    inverted_noise_lets_its_model_go,
    generators_of_other_devices_are_kept,
    a_mask_and_a_picture_elsewhere_are_brought_together,
    a_folder_is_looked_at_within_bounds,
]


def main(pack: Path, models: Path, base: Path, out: Path) -> None:
    library, nodes = alone.started(pack, base)
    world = alone.World(models, library)
    classes, good = {node.__name__: node for node in nodes}, alone.good(world)
    alone.answer(classes["Img2NoiseSaveNoiseMaps"], good["Img2NoiseSaveNoiseMaps"])
    found = {check.__name__: check(world, classes, good) for check in CHECKS}
    found["widgets"] = {name: widgets(node) for name, node in classes.items()}
    found["not run"] = [list(key) for key in NOT_RUN]
    out.write_text(json.dumps(found, default=str), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
