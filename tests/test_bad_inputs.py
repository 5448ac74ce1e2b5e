"""Whatever is given wrongly, the answer is one sentence, and nothing is changed or written."""

import inspect

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import img2noise
from img2noise.cli.app import app

from .bad_inputs import BAD, signs, values
from .good_inputs import good
from .refusals import faults, refusal

DATA = {"Annealed", "Inspection", "NoiseMaps", "Space", "Whiteness"}  # what functions give; nobody calls them


def test_every_public_function_is_in_the_table():
    named = {name for name in img2noise.__all__ if callable(getattr(img2noise, name))} | {
        "ddim",
        "first_step",
    }
    assert named - DATA <= BAD.keys() <= good().keys()
    assert sum(len(list(values(function))) for function in BAD) >= 400


def answer(call, arguments):
    try:
        call(**arguments)
    except Exception as error:  # whatever it is, it is what the caller would read
        return refusal(error)
    return dict(kind="none", said="", meant=False)


@pytest.mark.parametrize("function", BAD)
def test_good_inputs_are_taken_and_a_bad_one_is_refused_in_one_sentence(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, arguments = good()[function]
    assert BAD[function].keys() <= arguments.keys() <= inspect.signature(call).parameters.keys()
    call(**arguments)
    there, failures = list(tmp_path.iterdir()), []
    for argument, value in values(function):
        before = value.clone() if isinstance(value, torch.Tensor) else None
        found = answer(call, {**arguments, argument: value})
        failures += [(argument, value, found, fault) for fault in faults(found, *signs(argument, value))]
        assert before is None or torch.equal(before.nan_to_num(), value.nan_to_num())
    assert not failures, failures
    assert list(tmp_path.iterdir()) == there


COMMANDS = {  # and a word of what is said
    "fit nowhere --out w.safetensors": "nowhere",
    "fit . --out w.safetensors --space x": "space",
    "fit . --out w.safetensors --size 0": "--size",
    "fit . --out w --shrinkage 2": "--shrinkage",
    "fit . --out w --method x": "--method",
    "fit --out w": "photos",
    "fit *.tiff --out w": "tiff",
    "fit . --out w --engine x": "--engine",
    "fit . --out w --every 0": "--every",
    "fit . --out w --resume": "--moments",
    "fit . --out w --moments p.png": "--resume",
    "fit . --out w --moments p.png --resume": "p.png",
    "fit . --out w.safetensors --moments ./w.safetensors": "--moments",
    "merge a --out w": "found no file a",
    "merge sd --out w": "found no file sd",
    "search nowhere.png": "nowhere.png",
    "search p.png --whitener x": "whitener",
    "search p.png --whitener sd": "--vae",
    "search p.png --count 0": "--count",
    "search p.png --seed -1": "--seed",
    "inspect nowhere.safetensors": "nowhere.safetensors",
    "inspect sd": "sd",
    "inspect x --tau -1": "--tau",
    "compare a.latent b.latent": "a.latent",
    "demo --image nowhere.png": "nowhere.png",
    "dream": "dream",
}


def test_a_bad_command_ends_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "gray").save("p.png")
    for command, word in COMMANDS.items():
        env = {"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"}
        result = CliRunner().invoke(app, command.split(), env=env)
        assert result.exit_code == 2 and "Traceback" not in result.output, command
        assert word in " ".join(result.output.split()), result.output
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
