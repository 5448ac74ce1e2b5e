"""Mutations of the algorithms that tests must notice: `python -m tests.mutations` prints which they kill.

Each is one replacement in a temporary copy, after which the few files of tests that should fail are run.
Arguments choose mutations by a part of the names of their files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("img2noise", "nodes", "world", "benchmarks", "tests", "zca_matrices", "docs")


class Mutation(NamedTuple):
    file: str  # in img2noise/, or beginning with world/
    before: str
    after: str
    tests: str  # in the room of the file; "meaning" is tests/world/test_meaning.py

    def places(self) -> list[str]:
        if self.tests == "meaning":
            return ["tests/world/test_meaning.py"]
        return [Path("tests", self.file).with_name(name).as_posix() for name in self.tests.split()]

    def path(self) -> str:
        return self.file if self.file.startswith("world/") else f"img2noise/{self.file}"


TABLE = """
sigmas.py | (eta * low) ** 2 | eta * low**2 | test_sigmas.py
sigmas.py | high - c * a, | 1 - c, | test_sigmas.py
sigmas.py | x / _vp_scale | x * _vp_scale | test_networks.py
inversion/ddim.py | _move(x, here, there, last, 0.5) | _move(x, here, there, last, 1.0) | test_flow.py
inversion/ddim.py | _move(x, low, high, last) if last | x if last | test_flow.py
inversion/ddim.py | ratio * x + added | x + added | test_flow.py
inversion/edit_friendly.py | (target - source) / average | target - source | test_flow.py
inversion/edit_friendly.py | states[k + 1] = mean + residuals[-1] | pass | test_edit_friendly.py
inversion/noise_maps.py | 50 / 256 * side | 60 / 256 * side | test_noise_maps.py
inversion/noise_maps.py | (100 / maps.steps) ** 0.5 | (100 / maps.steps) | test_noise_maps.py
inversion/noise_maps.py | start=maps.states[more - 1] | start=maps.start | test_edit_friendly.py
inversion/anderson.py | GROWTH = 2.0 | GROWTH = 1e9 | test_anderson.py test_first_step.py
inversion/anderson.py | DEPENDENT = 16 | DEPENDENT = 0 | test_anderson.py
inversion/first_step.py | (a / b) * (x0 - clean) | (x0 - clean) | test_first_step.py
noise/annealing.py | TARGET_ACCEPTANCE = 0.25 | TARGET_ACCEPTANCE = 0.44 | test_annealing.py
noise/annealing.py | -rise / temperature | -rise / (2 * temperature) | test_annealing.py
noise/correlated.py | return 2 * lam / (2 * lam + | return lam / (lam + | test_correlated.py
noise/correlated.py | math.exp(log_t) * mean | math.exp(log_t) | test_similarity.py
noise/regions.py | basis, gain.square() | basis, gain | test_regions.py
noise/regions.py | [:, -LAST:] | [:, -1:] | test_regions.py
noise/correlated.py | u.device, *asked | u.device | test_similarity.py
noise/draw.py | ((1 - weight) ** 2 + weight**2).sqrt() | torch.ones_like(weight) | test_noise.py
whitening/frequencies.py | POWER_LAW = 2.0 | POWER_LAW = 1.0 | test_frequencies.py
whitening/frequencies.py | self.complex_count] * 2**0.5 | self.complex_count] | test_frequencies.py
whitening/whitener.py | q * phase[..., None, :] | q | test_bases.py test_whitening.py
whitening/structures.py | tiny = 10 * | tiny = 1e6 * | test_fit.py
diagnostics/verdict.py | clamp_min(1e-300) / 2) / color.sqrt() | clamp_min(1e-300) / 2) | test_verdict.py
diagnostics/least_squares.py | x.square().sum() / size | x.square().sum() | test_least_squares.py
diagnostics/populations.py | spread[1], 1 / size) | spread[1], 1 / len(a)) | test_populations.py
photos/surveys.py | HELD_OUT = 10, 1000 | HELD_OUT = 10, 100 | test_decode.py
networks.py | return a**2 * x - sigma * a * out | return a**2 * x + sigma * a * out | meaning
world/model.py | return low + guidance * (high - low) | return low - guidance * (high - low) | meaning
inversion/edit_friendly.py | (target - source) / average | (source - target) / average | meaning
inversion/noise_maps.py | [fill, kept] if by > 0 | [fill, kept] if by < 0 | meaning
inversion/noise_maps.py | mask * (target - clean) | mask * (clean - target) | meaning
inversion/ddim.py | (there.b - here.b) * of[1] | (here.b - there.b) * of[1] | meaning
inversion/ddim.py | x = ratio * x + added | x = ratio * x - 5 * added | meaning
noise/correlated.py | shares[0] * u + | -shares[0] * u + | meaning
noise/correlated.py | math.exp(log_t) * mean | math.exp(log_t) | test_similarity.py
noise/regions.py | basis, gain.square() | basis, gain | test_regions.py
noise/draw.py | ((1 - weight) * theta).sin() / safe) | -((1 - weight) * theta).sin() / safe) | meaning
sigmas.py | high - c * a, variance | high + c * a, variance | meaning
"""
MUTATIONS = [Mutation(*map(str.strip, line.split(" | "))) for line in TABLE.strip().splitlines()]


def killed(mutation: Mutation, copy: Path) -> bool:
    """Whether the tests fail once the copy is changed so; the copy is put right again."""
    file = copy / mutation.path()
    text = file.read_text("utf-8")
    if text.count(mutation.before) != 1:
        raise ValueError(
            f"{mutation.file} has {mutation.before!r} {text.count(mutation.before)} times, not once"
        )
    file.write_text(text.replace(mutation.before, mutation.after), "utf-8")
    try:
        return not passed(mutation.places(), copy)
    finally:
        file.write_text(text, "utf-8")


def passed(tests: list[str], copy: Path) -> bool:
    """Whether these files of tests pass in the copy. Raises RuntimeError where they cannot run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command + tests, cwd=copy, env=env, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the tests did not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.returncode == 0


def main(chosen: list[str]) -> int:
    """Print a table of the mutations; return how many survived."""
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "img2noise-mutated"
        for name in FOLDERS:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        mutations = [m for m in MUTATIONS if not chosen or any(part in m.file for part in chosen)]
        if not passed(sorted({place for m in mutations for place in m.places()}), copy):
            raise SystemExit("the tests fail before anything is changed")
        for mutation in mutations:
            dead = killed(mutation, copy)
            survived += not dead
            word = "killed" if dead else "SURVIVED"
            print(f"{word:8} {mutation.file}: {mutation.before} -> {mutation.after}", flush=True)
    print(f"{len(mutations) - survived} of {len(mutations)} killed")
    return survived


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
