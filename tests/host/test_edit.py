"""Prompt Edit, the edit in one, beside inversion and replay, in a real ComfyUI."""

from __future__ import annotations

import shutil

import pytest
import torch

from . import checkpoints
from .scenes import (
    apart,
    close,
    dump,
    edited,
    guider,
    hooked,
    inversion,
    model,
    photo,
    prompt,
    replayed,
    samples,
    sigmas,
)

SMALL = dict(width=8, height=8)


@pytest.mark.parametrize(
    ("few_steps", "method"), [("off", "edit-friendly"), ("on", "edit-friendly"), ("off", "FlowEdit")]
)
def test_the_edit_in_one_is_inversion_and_replay(server, graph, few_steps, method):
    found = model(graph)
    source, target = guider(graph, found, 1), guider(graph, found, 2, cfg=4.0)
    levels, how = sigmas(graph, found, 4), dict(noise_seed=3, few_steps=few_steps, method=method)
    dump(graph, one=edited(graph, source, target, levels, **how))
    dump(graph, two=replayed(graph, inversion(graph, source, levels, **how)[0], target))
    dump(graph, photo=photo(graph, **SMALL), same=edited(graph, source, source, levels, noise_seed=3))
    server.run(graph)
    close(server, "one", "two")
    assert apart(server, "one", "photo")
    assert torch.allclose(*samples(server, "same", "photo"), atol=1e-6)


@pytest.mark.parametrize("weight", [1.0, 1.5])
@pytest.mark.parametrize("few_steps", ["off", "on"])
def test_a_lora_in_one_model_is_kept_out_of_the_other(server, graph, weight, few_steps):
    """A second file of the same weights is the reference: it shares nothing with the first."""
    file = server.models / "checkpoints" / checkpoints.name("sd")
    shutil.copy(file, file.with_name("twin.safetensors"))
    levels, how = sigmas(graph, model(graph), 4), dict(weight=weight, few_steps=few_steps)
    twin = graph("CheckpointLoaderSimple", ckpt_name="twin.safetensors")[0]
    for name, found in (("shared", model(graph)), ("twin", twin)):
        source, target = guider(graph, found, 1), guider(graph, model(graph, lora=True), 2, cfg=4.0)
        dump(graph, **{name: edited(graph, source, target, levels, **how)})
    dump(graph, bare=edited(graph, source, guider(graph, model(graph), 2, cfg=4.0), levels, **how))
    server.run(graph)
    close(server, "shared", "twin")
    assert apart(server, "shared", "bare")


def test_a_prompt_that_brings_a_lora_keeps_it_to_itself(server, graph):
    found = model(graph)
    plain = graph("BasicGuider", model=found, conditioning=prompt(graph, 1))[0]
    brings = graph("BasicGuider", model=found, conditioning=hooked(graph, 1))[0]
    levels = sigmas(graph, found, 4)
    dump(graph, photo=photo(graph, **SMALL), edit=edited(graph, plain, brings, levels))
    for name, who in (("back", plain), ("replay", brings)):
        dump(graph, **{name: replayed(graph, inversion(graph, plain, levels)[0], who)})
    dump(graph, same=replayed(graph, inversion(graph, brings, levels)[0], brings))
    server.run(graph)
    close(server, "edit", "replay")
    close(server, "back", "photo")
    close(server, "same", "photo")
    assert apart(server, "edit", "photo")


def test_a_weight_is_the_same_whether_both_guiders_are_ready_together_or_not(server, graph):
    found = model(graph)
    still = graph("ModelSamplingDiscrete", model=found, sampling="eps", zsnr=False)[0]  # another, alike
    levels = sigmas(graph, found, 4)
    for name, other in (("together", found), ("apart", still)):
        wires = guider(graph, found, 1), guider(graph, other, 2, cfg=4.0), levels
        dump(graph, **{name: edited(graph, *wires, weight=1.5)})
    dump(graph, plain=edited(graph, guider(graph, found, 1), guider(graph, found, 2, cfg=4.0), levels))
    server.run(graph)
    close(server, "together", "apart")
    assert apart(server, "together", "plain")


def test_a_mask_limits_the_edit(server, graph):
    found = model(graph)
    source, target = guider(graph, found, 1), guider(graph, found, 2, cfg=4.0)
    levels = sigmas(graph, found, 4)
    nothing = graph("SolidMask", value=0.0, width=64, height=64)[0]
    half = graph("SolidMask", value=1.0, width=32, height=64)[0]
    mask = graph("MaskComposite", destination=nothing, source=half, x=0, y=0, operation="add")[0]
    masked = graph("SetLatentNoiseMask", samples=photo(graph, **SMALL), mask=mask)[0]
    maps = inversion(graph, source, levels, masked)[0]
    dump(graph, photo=photo(graph, **SMALL), whole=replayed(graph, maps, target))
    dump(graph, part=replayed(graph, maps, target, latent=masked))
    dump(graph, edit=edited(graph, source, target, levels, masked))
    server.run(graph)
    before, whole, part, edit = samples(server, "photo", "whole", "part", "edit")
    for limited in (part, edit):
        torch.testing.assert_close(limited[..., 5:], before[..., 5:], atol=1e-5, rtol=0)
        torch.testing.assert_close(limited[..., :3], whole[..., :3], atol=1e-4, rtol=0)
    assert float((part - before)[..., :3].std()) > 0.02
