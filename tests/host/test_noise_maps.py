"""What changes noise maps, keeps them in files, and which of them are refused, in a real ComfyUI."""

from __future__ import annotations

import pytest
import torch

import img2noise

from .graphs import Graph
from .scenes import dump, guider, model, newest, photo, refusal, samples, sigmas, told

SMALL = dict(width=8, height=8)
FOLDER, COLOR = "img2noise", "#20c040"


def inversion(graph: Graph, found: list, latent: list | None = None, steps: int = 4, **how) -> list:
    wires = dict(guider=guider(graph, found), sigmas=sigmas(graph, found, steps))
    how = {**dict(skip=0.25, few_steps="off", latent=latent or photo(graph, **SMALL)), **how}
    return graph("Img2NoiseImageToNoiseMaps", **wires, **how)[0]


def gaussian(graph: Graph) -> list:
    return graph("TestGaussian", model=model(graph), variance=0.7)[0]


def saved(graph: Graph, **maps) -> None:
    for name, wire in maps.items():
        graph("Img2NoiseSaveNoiseMaps", noise_maps=wire, filename_prefix=name)


def kept(server, name: str) -> img2noise.NoiseMaps:
    return img2noise.load(newest(server.output / FOLDER, name))


def alike(a: img2noise.NoiseMaps, b: img2noise.NoiseMaps) -> bool:
    pairs = [(a.start, b.start), (a.residuals, b.residuals), (a.levels.told, b.levels.told)]
    same = a.levels.kind == b.levels.kind and all(torch.allclose(x, y, atol=1e-5) for x, y in pairs)
    return same and (a.eta, a.skip, a.space) == (b.eta, b.skip, b.space)


CHANGES = {
    "shift": (
        dict(down=-17, right=25),  # rounded to multiples of 8
        lambda maps: img2noise.noise_maps.shift(maps, -2, 3),
    ),
    "flip": (
        dict(flip_horizontal=True),
        lambda maps: img2noise.noise_maps.flip(maps, True, False),
    ),
    "flip upside down": (
        dict(flip_vertical=True),
        lambda maps: img2noise.noise_maps.flip(maps, False, True),
    ),
    "move, then mirror": (
        dict(right=8, flip_horizontal=True),
        lambda maps: img2noise.noise_maps.flip(img2noise.noise_maps.shift(maps, 0, 1), True, False),
    ),
    "move beyond the border": (
        dict(down=4096),
        lambda maps: img2noise.noise_maps.shift(maps, 7, 0),
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_the_librarys_and_leaves_the_maps_it_came_from(server, graph, case):
    how, library = CHANGES[case]
    maps = inversion(graph, gaussian(graph), photo(graph, batch_size=2, **SMALL))
    saved(graph, before=maps)
    server.run(graph)
    before = kept(server, "before")
    node = graph("Img2NoiseTransformNoiseMaps", noise_maps=maps, **how)
    text = graph("TestText", value=node[1])
    saved(graph, changed=node[0], after=maps)
    report = told(server.run(graph), text)
    assert ("mirrored" in report) == any("flip" in key for key in how)
    assert ("56 down" in report) == ("beyond" in case)
    assert alike(kept(server, "changed"), library(before))
    assert not alike(kept(server, "changed"), before)
    assert alike(kept(server, "after"), before)
    assert (before.skip, before.steps, before.eta, before.space) == (1, 4, 0.0, "sd")


def vae(graph: Graph) -> list:
    return graph("TestVae", channels=4)[0]


def plain(graph: Graph) -> list:
    """The color as latents, by the host's own nodes."""
    image = graph("EmptyImage", width=64, height=64, color=int(COLOR[1:], 16))[0]
    return graph("VAEEncode", pixels=image, vae=vae(graph))[0]


def recolored(graph: Graph, found: list, maps: list, **how) -> list:
    left = graph("SolidMask", value=1.0, width=32, height=64)[0]
    mask = graph("SolidMask", value=0.0, width=64, height=64)[0]
    mask = graph("MaskComposite", destination=mask, source=left, x=0, y=0, operation="add")[0]
    wires = dict(guider=guider(graph, found), noise_maps=maps, vae=vae(graph), mask=mask)
    how = dict(color=COLOR, strength=0.3) | how
    return graph("Img2NoiseRecolorNoiseMaps", **wires, **how)[0]


@pytest.mark.parametrize("closed_loop", [True, False])
def test_recoloring_is_the_librarys(server, graph, closed_loop):
    found = gaussian(graph)
    maps = inversion(graph, found, photo(graph, batch_size=2, **SMALL), steps=10)
    how = dict(closed_loop=closed_loop, band_start=0.1, band_end=0.8)
    saved(graph, before=maps, changed=recolored(graph, found, maps, **how))
    dump(graph, color=plain(graph))
    server.run(graph)

    def denoise(y, sigma):
        return y * 0.7 / (0.7 + sigma.view(-1, 1, 1, 1) ** 2)

    [color] = samples(server, "color")
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    how = dict(strength=0.3, band=(0.1, 0.8), closed=closed_loop)
    before = kept(server, "before")
    target = color * img2noise.whitening.SPACES["sd"].scale_factor
    expected = img2noise.noise_maps.recolor(denoise, before, target, mask, **how)
    assert alike(kept(server, "changed"), expected) and not alike(expected, before)


def test_a_color_may_come_with_an_opacity_and_without_the_sign(server, graph):
    """As color pickers write it: the opacity says nothing of noise maps."""
    found = gaussian(graph)
    maps = inversion(graph, found, steps=10)
    colors = dict(plain=COLOR, opacity=f"{COLOR}80", bare=COLOR[1:].upper(), other="#d02020")
    saved(graph, **{name: recolored(graph, found, maps, color=color) for name, color in colors.items()})
    server.run(graph)
    plain, opacity, bare, other = (kept(server, name) for name in colors)
    assert alike(plain, opacity) and alike(plain, bare) and not alike(plain, other)


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", ""])
def test_a_color_that_is_no_hex_code_is_refused(server, graph, color):
    found = gaussian(graph)
    saved(graph, refused=recolored(graph, found, inversion(graph, found), color=color))
    assert "hex" in refusal(server, graph, "Img2NoiseRecolorNoiseMaps")


def replayed(graph: Graph, found: list, maps: list) -> list:
    return graph("Img2NoiseSampleNoiseMaps", guider=guider(graph, found), noise_maps=maps)[0]


def test_a_color_moves_the_masked_half_towards_it_and_hardly_the_other(server, graph):
    found = model(graph)
    maps = inversion(graph, found, steps=12, skip=0.17)
    dump(graph, photo=photo(graph, **SMALL), color=plain(graph))
    dump(graph, result=replayed(graph, found, recolored(graph, found, maps)))
    server.run(graph)
    before, color, result = samples(server, "photo", "color", "result")
    wished, done = color - before, result - before
    along = (wished * done).sum((0, 1, 2)) / wished.square().sum((0, 1, 2))  # per column
    assert float(along[:3].min()) > 0.15
    assert float(along[5:].abs().max()) < 0.1


def test_maps_come_back_from_their_file_and_rebuild_the_picture(server, graph):
    found = model(graph)
    saved(graph, **{"folder/kept": inversion(graph, found)})
    dump(graph, photo=photo(graph, **SMALL))
    shown = next(node for node in graph if graph[node]["class_type"] == "Img2NoiseSaveNoiseMaps")
    text = told(server.run(graph), shown)
    file = newest(server.output / FOLDER / "folder", "kept")
    assert str(file) in text
    later = Graph(server.object_info)
    maps = later("Img2NoiseLoadNoiseMaps", file=f"folder/{file.name}")[0]
    dump(later, back=replayed(later, model(later), maps))
    server.run(later)
    torch.testing.assert_close(*samples(server, "back", "photo"), atol=1e-4, rtol=0)


def test_saving_again_keeps_the_first_file_and_a_replaced_file_is_loaded_anew(server):
    files, starts = [], []
    for seed in (1, 2):
        graph = Graph(server.object_info)
        saved(graph, anew=inversion(graph, gaussian(graph), noise_seed=seed))
        server.run(graph)
        files.append(newest(server.output / FOLDER, "anew"))
    assert files[0] != files[1]
    for _ in files:
        loading = Graph(server.object_info)
        saved(loading, copy=loading("Img2NoiseLoadNoiseMaps", file=files[0].name)[0])
        server.run(loading)
        assert alike(kept(server, "copy"), img2noise.load(files[0]))
        starts.append(kept(server, "copy").start)
        if files[1].exists():
            files[1].replace(files[0])
    assert not torch.equal(*starts)


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "..", "a/../../escaped"])
def test_a_file_name_that_leaves_the_folder_is_refused(server, graph, name):
    graph("Img2NoiseSaveNoiseMaps", noise_maps=inversion(graph, gaussian(graph)), filename_prefix=name)
    refusal(server, graph, "Img2NoiseSaveNoiseMaps")
    assert not list(server.base.rglob("escaped*"))


def test_another_file_is_refused_by_its_kind(server, graph):
    (server.output / FOLDER).mkdir(exist_ok=True)
    img2noise.save(torch.zeros(1, 4, 8, 8), server.output / FOLDER / "noise.safetensors")
    saved(graph, refused=graph("Img2NoiseLoadNoiseMaps", file="noise.safetensors")[0])
    assert "noise maps" in refusal(server, graph, "Img2NoiseLoadNoiseMaps")
