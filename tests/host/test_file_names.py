"""File names that a graph brings: they stay in their folder, or the node says why not in one sentence."""

from __future__ import annotations

import pytest
import torch

import img2noise

from ..each import each
from .graphs import Graph
from .scenes import guider, model, photo, refusal, sigmas

SMALL = dict(width=8, height=8)
NAMES = [
    "..",
    "../escaped",
    "/escaped",
    "a/../../escaped",
    "leading-out/escaped",
    "escaped\0",
    "escaped" * 43,
]


def whitener_saved(graph: Graph, name: str, number: int = 0) -> str:
    whitener = graph("Img2NoiseLoadWhitener", whitener_name=("sd", "sdxl")[number])[0]
    graph("Img2NoiseSaveWhitener", whitener=whitener, filename_prefix=name)
    return "Img2NoiseSaveWhitener"


def maps_saved(graph: Graph, name: str, number: int = 0) -> str:
    found = graph("TestGaussian", model=model(graph))[0]
    wires = dict(guider=guider(graph, found), sigmas=sigmas(graph, found, 2), latent=photo(graph, **SMALL))
    maps = graph("Img2NoiseImageToNoiseMaps", **wires, skip=0, few_steps="off", noise_seed=number)[0]
    graph("Img2NoiseSaveNoiseMaps", noise_maps=maps, filename_prefix=name)
    return "Img2NoiseSaveNoiseMaps"


SAVED = {"whitener": whitener_saved, "noise maps": maps_saved}


@pytest.fixture
def folders(server):
    """Both folders, each with a link in it that leads to the folder above."""
    both = {"whitener": server.models / "img2noise", "noise maps": server.output / "img2noise"}
    links = [folder / "leading-out" for folder in both.values()]
    for link in links:
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(link.parent.parent, target_is_directory=True)
    yield both
    for link in links:
        link.unlink()


@each("name", NAMES)
@each("kind", SAVED)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(server, folders, kind, name):
    graph = Graph(server.object_info)
    node = SAVED[kind](graph, name)
    files = {*server.base.rglob("*.safetensors")}
    refusal(server, graph, node)
    written = {*server.base.rglob("*.safetensors")} - files
    assert not [path for path in written if "fine" not in path.name]  # what a refusal runs after it
    assert not [path for path in server.base.parent.rglob("*escaped*") if path.is_file()]


@pytest.mark.parametrize("prefix", ["mine/so n.1", "mine/", "%year%-mine"])
@pytest.mark.parametrize("kind", SAVED)
def test_each_save_is_a_new_file_under_its_prefix_and_none_is_overwritten(server, folders, kind, prefix):
    before, kept = {*folders[kind].rglob("*.safetensors")}, {}
    for number in (0, 1):
        graph = Graph(server.object_info)
        SAVED[kind](graph, prefix, number)
        server.run(graph)
        new = {*folders[kind].rglob("*.safetensors")} - before
        assert len(new) == number + 1 and all(file.read_bytes() == kept[file] for file in kept)
        kept = {file: file.read_bytes() for file in new}
        assert [file.stem[-6:] for file in sorted(new)] == ["00001_", "00002_"][: number + 1]
        assert all(img2noise.load(file) for file in new)


@each("name", [*NAMES, "no-such-file.safetensors", None, 7, ["1", 0, 0], {"a": 1}])
@each(
    ("node", "widget"),
    [("Img2NoiseLoadWhitener", "whitener_name"), ("Img2NoiseLoadNoiseMaps", "file")],
)
def test_a_name_that_is_not_listed_is_never_loaded(server, node, widget, name):
    graph = Graph(server.object_info)
    loaded = graph(node, **{widget: name})
    if node == "Img2NoiseLoadWhitener":
        graph("PreviewAny", source=loaded[1])
    else:
        graph("Img2NoiseSaveNoiseMaps", noise_maps=loaded[0], filename_prefix="never")
    answer = server.post("/prompt", {"prompt": graph, "client_id": "names"})
    assert "prompt_id" not in answer and answer["error"]["message"]


def test_a_listed_link_that_leads_out_of_the_folder_is_not_followed(server, folders, tmp_path):
    outside = img2noise.save(torch.zeros(1, 4, 8, 8), tmp_path / "outside.safetensors")
    link = folders["noise maps"] / "linked.safetensors"
    link.symlink_to(outside)
    try:
        graph = Graph(server.get_json("/object_info"))
        maps = graph("Img2NoiseLoadNoiseMaps", file="linked.safetensors")[0]
        graph("Img2NoiseSaveNoiseMaps", noise_maps=maps, filename_prefix="copied")
        assert "outside" in refusal(server, graph, "Img2NoiseLoadNoiseMaps")
    finally:
        link.unlink()
