"""Mutations of the algorithms that tests must notice: `python -m tests.mutations` prints which they kill.

Each is one replacement in a temporary copy, after which the few files of tests that should fail are run.
Arguments choose mutations by a part of their names.
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
FOLDERS = ("img2noise", "nodes", "benchmarks", "tests", "zca_matrices", "docs")


class Mutation(NamedTuple):
    name: str
    file: str  # in img2noise/
    before: str
    after: str
    tests: str  # in tests/


MUTATIONS = [
    Mutation("eta not squared", "sigmas.py", "eta**2 * sigma_to**2", "eta * sigma_to**2", "test_sigmas.py"),
    Mutation("VP scale inverted", "sigmas.py", "x / _vp_scale", "x * _vp_scale", "test_networks.py"),
    Mutation(
        "implicit step reports black",
        "inversion/ddim.py",
        "(y - (y - start) / share)",
        "(0 * y)",
        "inversion/test_ddim.py",
    ),
    Mutation(
        "Euler step squared",
        "inversion/ddim.py",
        "(low / high) * (x - clean)",
        "(low / high) ** 2 * (x - clean)",
        "inversion/test_ddim.py",
    ),
    Mutation(
        "noise added twice to a noisy picture",
        "inversion/ddim.py",
        "math.sqrt(noised_to**2 - levels[0] ** 2)",
        "noised_to",
        "inversion/test_ddim.py",
    ),
    Mutation(
        "no correction row in Algorithm 1",
        "inversion/edit_friendly.py",
        "states[k + 1] = mean + residuals[-1]",
        "pass",
        "inversion/test_edit_friendly.py",
    ),
    Mutation(
        "fill of a shift from elsewhere",
        "inversion/noise_maps.py",
        "50 / 256 * side",
        "60 / 256 * side",
        "inversion/test_noise_maps.py",
    ),
    Mutation(
        "recolor's pull without the root",
        "inversion/noise_maps.py",
        "(100 / maps.steps) ** 0.5",
        "(100 / maps.steps)",
        "inversion/test_noise_maps.py",
    ),
    Mutation(
        "Anderson never restarts",
        "inversion/anderson.py",
        "GROWTH = 2.0",
        "GROWTH = 1e9",
        "inversion/test_anderson.py inversion/test_first_step.py",
    ),
    Mutation(
        "dependent columns kept",
        "inversion/anderson.py",
        "DEPENDENT = 16",
        "DEPENDENT = 0",
        "inversion/test_anderson.py",
    ),
    Mutation(
        "first step of half the size",
        "inversion/first_step.py",
        "(x0 - clean).flatten(1) / sigma",
        "(x0 - clean).flatten(1) / (2 * sigma)",
        "inversion/test_first_step.py",
    ),
    Mutation(
        "another target acceptance",
        "noise/annealing.py",
        "TARGET_ACCEPTANCE = 0.25",
        "TARGET_ACCEPTANCE = 0.44",
        "noise/test_annealing.py",
    ),
    Mutation(
        "acceptance of another temperature",
        "noise/annealing.py",
        "-rise / temperature",
        "-rise / (2 * temperature)",
        "noise/test_annealing.py",
    ),
    Mutation(
        "rho without its factor of two",
        "noise/correlated.py",
        "return 2 * lam / (2 * lam +",
        "return lam / (lam +",
        "noise/test_correlated.py",
    ),
    Mutation(
        "lerp loses variance",
        "noise/draw.py",
        "((1 - weight) ** 2 + weight**2).sqrt()",
        "torch.ones_like(weight)",
        "noise/test_noise.py",
    ),
    Mutation(
        "another power law",
        "whitening/frequencies.py",
        "POWER_LAW = 2.0",
        "POWER_LAW = 1.0",
        "whitening/test_frequencies.py",
    ),
    Mutation(
        "pairs of bins counted once",
        "whitening/frequencies.py",
        "bins[:, : self.complex_count] * 2**0.5",
        "bins[:, : self.complex_count]",
        "whitening/test_frequencies.py",
    ),
    Mutation(
        "signs of eigenvectors left open",
        "whitening/whitener.py",
        "q * phase[..., None, :]",
        "q",
        "whitening/test_bases.py whitening/test_whitening.py",
    ),
    Mutation(
        "singular means a million times more",
        "whitening/structures.py",
        "tiny = 10 *",
        "tiny = 1e6 *",
        "cli/test_fit.py",
    ),
    Mutation(
        "odd values judged without their color",
        "diagnostics/verdict.py",
        "-torch.special.ndtri(chance) / color.sqrt()",
        "-torch.special.ndtri(chance)",
        "diagnostics/test_verdict.py",
    ),
    Mutation(
        "ridge of the whole trace",
        "diagnostics/least_squares.py",
        "ridge * x.square().sum() / size",
        "ridge * x.square().sum()",
        "diagnostics/test_least_squares.py",
    ),
    Mutation(
        "chance of another chunk size",
        "diagnostics/populations.py",
        "spread[1], 1 / size)",
        "spread[1], 1 / len(a))",
        "diagnostics/test_populations.py",
    ),
    Mutation(
        "few photos held out",
        "photos/surveys.py",
        "HELD_OUT = 10, 1000",
        "HELD_OUT = 10, 100",
        "photos/test_decode.py",
    ),
]


def killed(mutation: Mutation, copy: Path) -> bool:
    """Whether the tests fail once the copy is changed so; the copy is put right again."""
    file = copy / "img2noise" / mutation.file
    text = file.read_text("utf-8")
    if text.count(mutation.before) != 1:
        raise ValueError(
            f"{mutation.file} has {mutation.before!r} {text.count(mutation.before)} times, not once"
        )
    file.write_text(text.replace(mutation.before, mutation.after), "utf-8")
    try:
        return not passed(mutation.tests.split(), copy)
    finally:
        file.write_text(text, "utf-8")


def passed(tests: list[str], copy: Path) -> bool:
    """Whether these files of tests pass in the copy. Raises RuntimeError where they cannot run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command += [f"tests/{name}" for name in tests]
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)
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
        mutations = [m for m in MUTATIONS if not chosen or any(part in m.name for part in chosen)]
        if not passed(sorted({name for m in mutations for name in m.tests.split()}), copy):
            raise SystemExit("the tests fail before anything is changed")
        for mutation in mutations:
            dead = killed(mutation, copy)
            survived += not dead
            print(f"{'killed' if dead else 'SURVIVED':9} {mutation.name:42} {mutation.file}", flush=True)
    print(f"{len(mutations) - survived} of {len(mutations)} killed")
    return survived


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
