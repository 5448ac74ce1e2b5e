"""Every public function of the library on a pretended GPU and on a pretended Mac, and how often it waits."""

import importlib
import inspect

import pytest

import img2noise as n

from .device_calls import CALLS, LEVELS, WALKS, X, misplaced, numbers, whitener
from .each import each
from .pretend import Pretend, device_of
from .worlds import network

KINDS = ("cuda", "mps")
MODULES = (
    *("denoisers", "networks", "sigmas", "noise.annealing", "noise.correlated", "noise.draw"),
    *("inversion.ddim", "inversion.edit_friendly", "inversion.first_step", "inversion.noise_maps"),
    *("diagnostics.inspection", "diagnostics.least_squares", "diagnostics.reports"),
    *("diagnostics.populations", "diagnostics.verdict", "diagnostics.whiteness", "whitening.moments"),
    *("files.noise_files", "files.storage", "photos.decode"),
)
# What else is in these rooms: what takes no tensor, and what a row of another name goes through.
OTHERS = {
    *("draw_rows", "noise_rows", "stream", "scaled_linear", "whitening_matrix", "read_noises", "read_photo"),
    *("decode", "refuse_not_finite", "write_tensors", "contents_of", "save", "load_all", "metadata", "find"),
    *("least_squares_per_frequency", "distance", "best_scale", "on_cpu", "ratio_score"),
    *(
        "null_correlation",
        "cosine",
        "inspection_figures",
        "inspection_rows",
        "inspection_report",
        "batch_report",
    ),
    *("comparison_figures", "comparison_report", "cosine"),
}


def public():
    """The functions by name, with their room's where it is one of the names that two rooms have."""
    found = {name: f for name, f in vars(n).items() if name in n.__all__ and inspect.isfunction(f)}
    for path in MODULES:
        module, name = importlib.import_module(f"img2noise.{path}"), path.split(".")[-1]
        here = {k: f for k, f in vars(module).items() if inspect.isfunction(f) and k[0] != "_"}
        prefix = f"{name}." if name in ("ddim", "first_step") else ""
        found |= {prefix + k: f for k, f in here.items() if f.__module__ == module.__name__}
    return found


def test_every_public_function_is_in_the_table():
    assert public().keys() == (CALLS.keys() & public().keys()) | OTHERS


@each("kind", KINDS)
@each("name", CALLS)
def test_a_function_works_where_its_arguments_are(name, kind):
    call, on_cpu = CALLS[name]
    expected = numbers(call(lambda x: x))
    with Pretend(kind) as device:
        found = call(device.put)
        assert not misplaced(found, on_cpu, lambda t: device_of(t) == device.name)
    assert numbers(found) == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)


@each("kind", KINDS)
@each("name", WALKS)
def test_a_walk_reads_back_at_most_once(name, kind):
    with Pretend(kind) as device:
        WALKS[name](device.put)
        assert len(device.reads) <= 1, device.reads


def implicit(put, iterations):
    n.ddim.invert(network(), put(X), LEVELS, scheme="implicit", iterations=iterations)
    return iterations * (len(LEVELS) - 1)


def first_step(put, iterations, **how):
    n.first_step.invert(network(), put(X), 13.0, iterations=iterations, **how)
    return iterations


STEPPED = {
    "implicit": (implicit, {}),
    "first step": (first_step, dict(stop="unit_std")),
    "first step, converged": (first_step, dict(stop="converged", tolerance=1e-9)),
    "first step, accelerated": (first_step, dict(stop="iterations", anderson_window=3)),
}


@each("kind", KINDS)
@each("name", STEPPED)
def test_a_solver_reads_back_at_most_once_a_step_for_the_whole_batch(name, kind):
    call, how = STEPPED[name]
    with Pretend(kind) as device:
        steps = call(device.put, 6, **how)
        assert len(device.reads) <= steps, (steps, len(device.reads))


@each("kind", KINDS)
def test_noise_of_a_whitener_that_knows_the_device_reads_back_once(kind):
    w = whitener()
    with Pretend(kind) as device:
        x = device.put(X)
        for work in (
            lambda: w.whiten(x),
            lambda: w.dewhiten(x),
            lambda: n.measure(x),
            lambda: n.diagnostics.inspect(x),
        ):
            work()
            device.reads.clear()
            work()
            assert len(device.reads) <= 2, device.reads
