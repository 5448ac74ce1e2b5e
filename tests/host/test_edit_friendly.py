"""Edit-friendly inversion and its replay, through the wires of a real ComfyUI."""

from __future__ import annotations

import json

import pytest
import torch

from .graphs import Graph
from .scenes import (
    apart,
    close,
    controlled,
    dump,
    guider,
    hooked,
    inversion,
    model,
    photo,
    prompt,
    replayed,
    samples,
    sigmas,
    told,
)

SMALL = dict(width=8, height=8)


@pytest.mark.parametrize("family", ["sd", "sd21v", "sdxl"])
@pytest.mark.parametrize("how", [dict(skip=0), dict(skip=0.5, method="custom", eta=0.5)])
def test_a_replay_with_the_same_prompt_gives_the_picture_back(server, graph, family, how):
    found = model(graph, family)
    who = guider(graph, found, 1, family, cfg=3.0)
    maps = inversion(graph, who, sigmas(graph, found, 4), photo(graph, batch_size=2, **SMALL), **how)[0]
    other = guider(graph, found, 5, family, cfg=3.0)
    dump(graph, photo=photo(graph, batch_size=2, **SMALL), back=replayed(graph, maps, who))
    dump(graph, edit=replayed(graph, maps, other))
    server.run(graph)
    close(server, "back", "photo")
    assert apart(server, "edit", "photo")


def test_and_so_it_does_with_guidance_a_controlnet_and_a_lora(server, graph):
    found = model(graph, lora=True)
    positive, negative = controlled(graph, 1)
    prompts = dict(positive=positive, negative=negative, cfg=7.5)
    who = graph("CFGGuider", model=found, **prompts)[0]
    maps = inversion(graph, who, sigmas(graph, found, 4))[0]
    dump(graph, photo=photo(graph, **SMALL), back=replayed(graph, maps, who))
    bare = graph("CFGGuider", model=model(graph), **prompts)[0]  # each of the two has its effect
    free = guider(graph, found, 1, cfg=7.5)
    dump(graph, bare=replayed(graph, maps, bare), free=replayed(graph, maps, free))
    server.run(graph)
    close(server, "back", "photo")
    assert apart(server, "bare", "photo") and apart(server, "free", "photo")


def test_and_so_it_does_at_zero_terminal_signal_with_areas_and_a_partial_schedule(server, graph):
    v = dict(sampling="v_prediction", zsnr=True)
    found = graph("ModelSamplingDiscrete", model=model(graph, "sd21v"), **v)[0]
    area = dict(width=0.5, height=1.0, strength=0.8)
    left = graph("ConditioningSetAreaPercentage", conditioning=prompt(graph, 1, "sd21v"), **area)[0]
    both = graph("ConditioningCombine", conditioning_1=left, conditioning_2=prompt(graph, 2, "sd21v"))[0]
    who = graph("BasicGuider", model=found, conditioning=both)[0]
    dump(graph, photo=photo(graph, **SMALL))
    for name, share in (("whole", 1.0), ("part", 0.5)):
        levels = sigmas(graph, found, 4, denoise=share)
        dump(graph, **{name: replayed(graph, inversion(graph, who, levels, skip=0)[0], who)})
    server.run(graph)
    close(server, "whole", "photo")
    close(server, "part", "photo")


def test_seeds_make_other_maps_that_all_rebuild_the_picture_and_edit_it_differently(server, graph):
    found = model(graph)
    source, target = guider(graph, found, 1), guider(graph, found, 2, cfg=4.0)
    levels = sigmas(graph, found, 4)
    dump(graph, photo=photo(graph, **SMALL))
    for seed in (1, 2):
        maps = inversion(graph, source, levels, noise_seed=seed)[0]
        dump(graph, **{f"back-{seed}": replayed(graph, maps, source)})
        dump(graph, **{f"edit-{seed}": replayed(graph, maps, target)})
    again = graph("TestGuider", guider=source, again="uncached")[0]
    dump(graph, same=replayed(graph, inversion(graph, again, levels, noise_seed=1)[0], target))
    server.run(graph)
    close(server, "back-1", "photo")
    close(server, "back-2", "photo")
    assert apart(server, "edit-1", "edit-2")
    assert torch.equal(*samples(server, "edit-1", "same"))


def test_more_steps_can_be_left_out_when_the_maps_are_sampled(server, graph):
    found = model(graph)
    source, target = guider(graph, found, 1), guider(graph, found, 2, cfg=4.0)
    levels = sigmas(graph, found, 6)
    whole, part = (inversion(graph, source, levels, skip=skip)[0] for skip in (0.0, 0.5))
    dump(graph, later=replayed(graph, whole, target, skip=0.5), part=replayed(graph, part, target))
    dump(graph, photo=photo(graph, **SMALL), back=replayed(graph, whole, source, skip=1.0))
    dump(graph, less=replayed(graph, part, target, skip=0.2))
    server.run(graph)
    close(server, "later", "part")
    close(server, "less", "part")
    close(server, "back", "photo")


def test_a_row_of_a_batch_is_its_own_single_run(server, graph):
    found = graph("TestGaussian", model=model(graph))[0]
    who, levels, batch = guider(graph, found), sigmas(graph, found, 4), photo(graph, batch_size=3, **SMALL)
    one = graph("LatentFromBatch", samples=batch, batch_index=1, length=1)[0]
    other = graph("TestGaussian", model=model(graph), variance=2.0)[0]
    for name, latent in (("all", batch), ("one", one)):
        maps = inversion(graph, who, levels, latent)[0]
        dump(graph, **{name: replayed(graph, maps, guider(graph, other))})
    server.run(graph)
    every, single = samples(server, "all", "one")
    torch.testing.assert_close(every[1:2], single, atol=1e-5, rtol=0)


def listened(graph: Graph, name: str, positive: list | None = None) -> tuple[list, list]:
    """A guider whose model writes its calls down, and a schedule of seven steps, of which six are taken."""
    found = graph("TestCalls", model=model(graph), name=name)[0]
    who = graph("BasicGuider", model=found, conditioning=positive or prompt(graph, 1))[0]
    return who, sigmas(graph, found, 7)


def windowed(graph: Graph) -> list:
    """A prompt for the first half of the sampling, another for the second."""
    halves = [
        graph("ConditioningSetTimestepRange", conditioning=prompt(graph, seed), start=start, end=end)[0]
        for seed, start, end in ((1, 0.0, 0.5), (2, 0.5, 1.0))
    ]
    return graph("ConditioningCombine", conditioning_1=halves[0], conditioning_2=halves[1])[0]


@pytest.mark.parametrize(
    ("case", "together"),
    [
        ("plain", True),
        ("control", True),
        ("windows", False),
        ("control window", False),
        ("hook", False),
        ("two rows", False),
    ],
)
def test_several_levels_go_to_the_network_together_where_nothing_changes_between_them(
    server, graph, case, together
):
    positive = {
        "plain": lambda: None,
        "control": lambda: controlled(graph, 1)[0],
        "windows": lambda: windowed(graph),
        "control window": lambda: controlled(graph, 1, end=0.5)[0],
        "hook": lambda: hooked(graph, 1),
        "two rows": lambda: graph("TestConditioning", seed=1, rows=2)[0],
    }[case]()
    calls = []
    for name, count in (("one", 1), ("four", 4)):
        who, levels = listened(graph, f"{case}-{name}", positive)
        maps = inversion(graph, who, levels, levels_per_call=count)[0]
        calls.append(graph("TestCallsTold", name=f"{case}-{name}", after=maps))
        dump(graph, **{name: replayed(graph, maps, guider(graph, model(graph), 5))})
    outputs = server.run(graph)
    one, four = (json.loads(told(outputs, node)) for node in calls)
    assert sum(one) == sum(four)
    assert set(four) == {4, 2} if together else four == one
    close(server, "one", "four")


def test_by_itself_it_takes_one_level_at_a_time(server, graph):
    who, levels = listened(graph, "automatic")
    calls = graph("TestCallsTold", name="automatic", after=inversion(graph, who, levels)[0])
    assert json.loads(told(server.run(graph), calls)) == [1] * 6


@pytest.mark.parametrize(("steps", "on"), [(4, True), (8, True), (9, False)])
def test_few_step_mode_turns_itself_on_and_says_so(server, graph, steps, on):
    found = graph("TestGaussian", model=model(graph))[0]
    who, levels = guider(graph, found), sigmas(graph, found, steps)
    reports = []
    for few_steps in ("auto", "on" if on else "off"):
        node = inversion(graph, who, levels, few_steps=few_steps, skip=1 / steps)
        dump(graph, **{few_steps: replayed(graph, node[0], guider(graph, found, 2))})
        reports.append(graph("TestText", value=node[1]))
    outputs = server.run(graph)
    report = told(outputs, reports[0])
    assert f"{steps} steps, the noisiest 1 skipped: {steps - 1} maps of 1 x 4 x 8 x 8" in report
    assert f"few-step mode: {'on' if on else 'off'}, because {steps} steps" in report
    assert "std of z: " in report
    assert "as chosen" in told(outputs, reports[1])
    assert torch.equal(*samples(server, "auto", "on" if on else "off"))
