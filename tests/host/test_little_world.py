"""Load Little World: the host computes what the library does, and core's nodes work with it."""

from __future__ import annotations

import functools
import json
from itertools import combinations

import pytest
import torch
from safetensors.torch import save_file

from img2noise import draw
from img2noise.sigmas import scaled_linear
from samples import PHOTOS
from samples import load as load_photo
from world import model as world
from world.render import RGB
from world.scenes import COLORS, SAMPLES

from . import hosts
from .conftest import EACH
from .graphs import Graph
from .little_world import PROMPTS
from .scenes import dump, refusal, samples, told
from .server import PACK

RUNNER = PACK / "tests/host/little_world.py"
ROUNDING, SCALE = 1e-5, 0.18215


def write_random(folder) -> None:
    """A model of random weights, and what the library makes with it."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = world.LittleWorld()
    made.text.place.data = draw(made.text.place.shape, 2)
    weights = {name: value.half().contiguous() for name, value in made.state_dict().items()}
    save_file(weights, folder / "little_world.safetensors")
    loaded = world.load(folder / "little_world.safetensors")
    context = loaded.encode_prompts(list(PROMPTS))
    first = loaded.text.word(torch.tensor([world.tokens([PROMPTS[0]]).tolist()])[0]) + loaded.text.place
    x, t, pixels = (
        draw((3, 4, 16, 24), 3),
        torch.tensor([3.0, 500.0, 980.0]),
        0.5 + 0.2 * draw((1, 3, 64, 96), 4),
    )
    latents = world.encode(pixels.clamp(0, 1))
    wanted = dict(x=x, t=t, context=context, v=loaded(x, t, context), sigmas=scaled_linear().float())
    wanted |= {"first layer": loaded.text.norm(loaded.text.blocks[0](first))[0]}
    wanted |= dict(pixels=pixels.clamp(0, 1), latents=latents, decoded=world.decode(latents))
    save_file({name: value.contiguous() for name, value in wanted.items()}, folder / "wanted.safetensors")


@pytest.fixture(scope="module")
def answers(tmp_path_factory, site):
    """of(comfy) -> how far that ComfyUI is from the library, looked at once."""

    @functools.cache
    def of(comfy):
        folder = tmp_path_factory.mktemp("little")
        write_random(folder)
        hosts.run(comfy, site(comfy.python), RUNNER, PACK, folder, folder / "base", folder / "answers.json")
        return json.loads((folder / "answers.json").read_text("utf-8"))

    return of


@pytest.fixture(scope="module", **EACH)
def found(request, answers):
    if request.param is None:
        pytest.skip(f"no ComfyUI found; {hosts.HOW}")
    return answers(request.param)


def test_the_host_and_diffusers_compute_the_same_v_from_one_file(found):
    assert found["unet"]["v"] < ROUNDING and found["unet"]["again"] == 0
    assert (found["unet"]["kind"], found["unet"]["latents"]) == ("V_PREDICTION", "SD15")
    assert found["unet"]["sigmas"] < ROUNDING


def test_prompts_are_encoded_as_in_the_library(found):
    assert max(found["clip"]["contexts"]) < ROUNDING and found["clip"]["first_layer"] < ROUNDING


def test_weights_and_brackets_mean_what_they_mean_elsewhere(found):
    assert max(found["clip"][name] for name in ("weighted", "bracketed", "escaped")) < ROUNDING


def test_words_it_does_not_know_are_named_with_those_it_knows(found):
    unknown, long = found["clip"]["refused"].values()
    assert "bal, bleu" in unknown and "ball" in unknown and "\n" not in unknown
    assert "25" in long and "24" in long


def test_the_vae_is_the_librarys_in_units_of_sd(found):
    assert found["vae"]["latents"] < 1e-4 and found["vae"]["pixels"] < 1e-4


GUIDED = dict(seed=3, steps=3, cfg=3.0, sampler_name="euler", scheduler="normal", denoise=1.0)


def sampled(graph: Graph, loaded: str, words: str | list = "a blue cube", **how) -> list:
    """KSampler's latent for a prompt, or for a conditioning."""
    positive = prompt(graph, loaded, words) if isinstance(words, str) else words
    wires = dict(model=loaded[0], positive=positive, negative=prompt(graph, loaded, ""))
    wires["latent_image"] = how.pop("latent", None) or graph("EmptyLatentImage", width=128, height=128)[0]
    return graph("KSampler", **wires, **{**GUIDED, **how})[0]


def prompt(graph: Graph, loaded: str, words: str) -> list:
    return graph("CLIPTextEncode", clip=loaded[1], text=words)[0]


def load(graph: Graph) -> str:
    return graph("Img2NoiseLoadLittleWorld")


def options(server, name: str) -> list[str]:
    """What KSampler offers for one of its lists."""
    kind, *rest = server.object_info["KSampler"]["input"]["required"][name]
    return kind if isinstance(kind, list) else rest[0]["options"]


def test_every_sampler_and_every_scheduler_of_the_host_samples_it(server, graph):
    loaded, names = load(graph), []
    ways = [dict(sampler_name=name) for name in options(server, "sampler_name")]
    ways += [dict(scheduler=name) for name in options(server, "scheduler")]
    for number, way in enumerate(ways):
        dump(graph, **{f"way-{number}": sampled(graph, loaded, **way)})
        names.append(f"way-{number}")
    server.run(graph)
    made = samples(server, *names)
    assert len(made) > 40 and all(x.shape == (1, 4, 16, 16) for x in made)
    wild = [way for way, x in zip(ways, made, strict=True) if not 0.1 < float(x.std()) * SCALE < 10]
    assert not wild


def test_conditionings_are_joined_averaged_and_bounded_by_core(server, graph):
    loaded = load(graph)
    one, other = prompt(graph, loaded, "a blue cube"), prompt(graph, loaded, "a red ball")
    average = dict(conditioning_to=one, conditioning_from=other)
    area = dict(conditioning=one, width=64, height=64, x=0, y=0, strength=1.0)
    joined = dict(
        one=one,
        other=other,
        kept=graph("ConditioningAverage", **average, conditioning_to_strength=1.0)[0],
        mixed=graph("ConditioningAverage", **average, conditioning_to_strength=0.5)[0],
        long=graph("ConditioningConcat", conditioning_to=one, conditioning_from=other)[0],
        both=graph("ConditioningCombine", conditioning_1=one, conditioning_2=other)[0],
        part=graph("ConditioningSetArea", **area)[0],
        none=graph("ConditioningZeroOut", conditioning=one)[0],
        heavy=prompt(graph, loaded, "a (blue:1.3) cube"),
    )
    dump(graph, **{name: sampled(graph, loaded, words) for name, words in joined.items()})
    server.run(graph)
    made = dict(zip(joined, samples(server, *joined), strict=True))
    assert torch.equal(made.pop("kept"), made["one"])
    assert not [pair for pair in combinations(made, 2) if torch.allclose(*map(made.get, pair), atol=1e-3)]


def test_a_mask_keeps_what_lies_outside(server, graph):
    loaded = load(graph)
    photo = graph("EmptyImage", width=128, height=128, color=0x3080C0)[0]
    latent = graph("VAEEncode", pixels=photo, vae=loaded[2])[0]
    mask = graph("SolidMask", value=1.0, width=64, height=128)[0]
    empty = graph("SolidMask", value=0.0, width=128, height=128)[0]
    mask = graph("MaskComposite", destination=empty, source=mask, x=0, y=0, operation="add")[0]
    masked = graph("SetLatentNoiseMask", samples=latent, mask=mask)[0]
    dump(graph, before=latent, after=sampled(graph, loaded, latent=masked))
    server.run(graph)
    before, after = samples(server, "before", "after")
    assert torch.allclose(after[..., 9:], before[..., 9:], atol=1e-5)
    assert float((after - before)[..., :7].std()) * SCALE > 0.1


def test_a_picture_of_a_batch_is_what_it_is_alone(server, graph):
    loaded = load(graph)
    batch = graph("EmptyLatentImage", width=128, height=128, batch_size=3)[0]
    one = graph("LatentFromBatch", samples=batch, batch_index=2, length=1)[0]
    dump(graph, all=sampled(graph, loaded, latent=batch), one=sampled(graph, loaded, latent=one))
    server.run(graph)
    whole, alone = samples(server, "all", "one")
    assert torch.allclose(whole[2:], alone, atol=1e-4)


def test_an_unknown_word_is_refused_by_the_node_that_reads_the_prompt(server, graph):
    loaded = load(graph)
    dump(graph, x=sampled(graph, loaded, "a tortoise"))
    assert "tortoise" in refusal(server, graph, "CLIPTextEncode")


@pytest.mark.parametrize("scene", list(SAMPLES))
def test_a_sample_image_comes_with_the_mask_of_its_object_and_words_that_the_little_world_knows(
    server, graph, scene
):
    node = graph("Img2NoiseSampleImage", scene=scene, size=128)
    little = graph("Img2NoiseLoadLittleWorld")
    words = graph("CLIPTextEncode", text=node[2], clip=little[1])[0]
    dump(graph, image=node[0], mask=node[1], words=words)
    server.run(graph)
    image, mask = (server.tensors(name)["image"] for name in ("image", "mask"))
    assert image.shape == (1, 128, 128, 3) and float(image.min()) >= 0 and float(image.max()) <= 1
    assert mask.shape == (1, 128, 128) and 0.02 < float(mask.mean()) < 0.2
    inside = (image[0] * mask[0, ..., None]).sum((0, 1)) / mask.sum()
    color = SAMPLES[scene].objects[0].color
    nearest = min(COLORS, key=lambda name: float((inside / inside.norm() - unit(RGB[name])).norm()))
    assert nearest == color or {nearest, color} <= {"white", "black"}


@pytest.mark.parametrize("name", list(PHOTOS))
def test_a_sample_photo_comes_with_the_mask_of_its_object_and_words_that_tell_it(server, graph, name):
    node = graph("Img2NoiseSampleImage", scene=name, size=128)
    shown = graph("PreviewAny", source=node[2])
    dump(graph, image=node[0], mask=node[1])
    outputs = server.run(graph)
    image, mask = (server.tensors(kind)["image"] for kind in ("image", "mask"))
    wanted, outline = map(torch.from_numpy, load_photo(PHOTOS[name], 128))
    assert torch.equal(image, wanted[None]) and torch.equal(mask, outline[None])
    assert told(outputs, shown) == PHOTOS[name].caption


def test_every_sample_is_offered_scenes_first(server):
    kind, *rest = server.object_info["Img2NoiseSampleImage"]["input"]["required"]["scene"]
    assert (kind if isinstance(kind, list) else rest[0]["options"]) == [*SAMPLES, *PHOTOS]


def unit(values) -> torch.Tensor:
    return torch.tensor(values) / torch.tensor(values).norm()
