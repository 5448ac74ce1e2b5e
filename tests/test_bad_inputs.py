"""Whatever is given wrongly, the answer is one sentence: what was got, and what was expected."""

import inspect
import re

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import img2noise
from img2noise.cli.app import app

from .bad_inputs import BAD
from .good_inputs import good

ROWS = [
    (function, argument, case, *row)
    for function, arguments in BAD.items()
    for argument, cases in arguments.items()
    for case, row in cases.items()
]
DATA = {"Annealed", "Inspection", "NoiseMaps", "Space", "Whiteness"}  # what functions give; nobody calls them


def test_every_public_function_is_in_the_table():
    named = {name for name in img2noise.__all__ if callable(getattr(img2noise, name))} | {
        "ddim",
        "first_step",
    }
    assert named - DATA <= BAD.keys() <= good().keys() and len(ROWS) >= 200


@pytest.mark.parametrize("function", BAD)
def test_the_arguments_that_the_rows_start_from_are_good(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, arguments = good()[function]
    assert BAD[function].keys() <= arguments.keys()
    assert arguments.keys() <= inspect.signature(call).parameters.keys()
    call(**arguments)


@pytest.mark.parametrize(
    ("function", "argument", "case", "value", "words"), ROWS, ids=[" ".join(row[:3]) for row in ROWS]
)
def test_a_bad_input_is_answered_in_one_sentence(
    function, argument, case, value, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    call, arguments = good()[function]
    before = value.clone() if isinstance(value, torch.Tensor) else None
    with pytest.raises((ValueError, TypeError, FileNotFoundError)) as caught:
        call(**{**arguments, argument: value})
    said = str(caught.value)
    assert said.startswith("got ") and "\n" not in said and len(said) < 500, said
    pattern = ".+".join(re.escape(part) for part in words.split("{}"))
    assert re.search(pattern, said), said
    assert before is None or torch.equal(before, value) or before.isnan().any()
    assert not list(tmp_path.iterdir())


COMMANDS = {
    "fit without photos": (["fit", "nowhere", "--out", "w.safetensors"], "neither a file nor a folder"),
    "fit of an unknown space": (
        ["fit", ".", "--out", "w.safetensors", "--space", "x"],
        "got space 'x' without",
    ),
    "fit of no size": (["fit", ".", "--out", "w.safetensors", "--size", "0"], "Invalid value for '--size'"),
    "fit of too much shrinkage": (
        ["fit", ".", "--out", "w", "--shrinkage", "2"],
        "Invalid value for '--shrinkage'",
    ),
    "fit of an unknown method": (["fit", ".", "--out", "w", "--method", "x"], "Invalid value for '--method'"),
    "fit of nothing": (["fit", "--out", "w"], "got no photos; name some, or moments to fit to"),
    "fit of a glob of nothing": (
        ["fit", "*.tiff", "--out", "w"],
        "neither a file nor a folder nor a glob of any",
    ),
    "fit on no engine": (["fit", ".", "--out", "w", "--engine", "x"], "Invalid value for '--engine'"),
    "fit kept after no photos": (["fit", ".", "--out", "w", "--every", "0"], "Invalid value for '--every'"),
    "fit that resumes from nowhere": (
        ["fit", ".", "--out", "w", "--resume"],
        "got --resume without --moments",
    ),
    "fit over other moments": (
        ["fit", ".", "--out", "w", "--moments", "p.png"],
        "is there already; pass --resume",
    ),
    "fit that resumes from no moments": (
        ["fit", ".", "--out", "w", "--moments", "p.png", "--resume"],
        "p.png is no readable safetensors file",
    ),
    "fit of two things into one file": (
        ["fit", ".", "--out", "w.safetensors", "--moments", "./w.safetensors"],
        "for --out and for --moments; a file holds one of them",
    ),
    "merge of nothing": (["merge", "a", "--out", "w"], "neither a file nor a shipped whitener"),
    "merge of a whitener": (["merge", "sd", "--out", "w"], "holds no moments but a Stationary"),
    "search without a photo": (["search", "nowhere.png"], "nowhere.png"),
    "search with no whitener": (
        ["search", "p.png", "--whitener", "x"],
        "neither a file nor a shipped whitener",
    ),
    "search with latents": (["search", "p.png", "--whitener", "sd"], "pass --vae to encode the photo"),
    "search of no noises": (["search", "p.png", "--count", "0"], "Invalid value for '--count'"),
    "search of a negative seed": (["search", "p.png", "--seed", "-1"], "Invalid value for '--seed'"),
    "inspect of nothing": (["inspect", "nowhere.safetensors"], "found no file nowhere.safetensors"),
    "inspect of a whitener": (["inspect", "sd"], "found no file sd"),
    "inspect of a negative tau": (["inspect", "x", "--tau", "-1"], "Invalid value for '--tau'"),
    "compare of nothing": (["compare", "a.latent", "b.latent"], "found no file a.latent"),
    "demo of no photo": (["demo", "--image", "nowhere.png"], "nowhere.png"),
    "an unknown command": (["dream"], "No such command 'dream'"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_bad_command_is_answered_in_one_sentence(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "gray").save("p.png")
    arguments, words = COMMANDS[case]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"})
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert words in " ".join(result.output.split()), result.output
