"""Whatever is given wrongly, the answer is one sentence, and nothing is changed or written."""

import inspect

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import img2noise
from img2noise import checks
from img2noise.cli.app import app

from .bad_inputs import BAD, RANGES, rows
from .good_inputs import good
from .refusals import faults, refusal

DATA = {"Annealed", "Inspection", "NoiseMaps", "Space", "Whiteness"}  # what functions give; nobody calls them


def test_every_public_function_is_in_the_table():
    named = {name for name in img2noise.__all__ if callable(getattr(img2noise, name))} | {
        "ddim",
        "first_step",
    }
    assert named - DATA <= BAD.keys() <= good().keys() and RANGES.keys() <= BAD.keys()
    assert sum(len(list(rows(function))) for function in BAD) >= 400


def test_what_is_finite_need_not_have_a_finite_sum():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        x = torch.full((1, 2, 3, 3), torch.finfo(dtype).max, dtype=dtype)
        checks.finite(x, "a picture")
        checks.finite(x * torch.tensor([1, -1, 1], dtype=dtype), "a picture")
        for wrong in ([torch.inf], [-torch.inf], [torch.nan], [torch.inf, -torch.inf]):
            broken = x.clone()
            broken[0, 0, 0, : len(wrong)] = torch.tensor(wrong, dtype=dtype)
            with pytest.raises(ValueError, match="NaN or infinity in a picture"):
                checks.finite(broken, "a picture")


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
    for changes, words in rows(function):
        tensors = [x for x in changes.values() if isinstance(x, torch.Tensor)]
        before = [x.clone() for x in tensors]
        found = answer(call, {**arguments, **changes})
        failures += [(changes, found, fault) for fault in faults(found, *words)]
        assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(before, tensors, strict=True))
    assert not failures, failures
    assert list(tmp_path.iterdir()) == there


def test_what_python_or_torch_raise_by_themselves_is_no_refusal():
    for call in (lambda: None + "a sum of two things", lambda: torch.ones(2) + torch.ones(3), lambda: None):
        assert faults(answer(call, {}))
    found = answer(lambda: img2noise.draw((2, 3), seed=-1), {})
    assert not faults(found, "seed") and faults(found, "whitener")


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
