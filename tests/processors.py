"""The promises of docs/reproducibility.md under other processors' kernels: `python -m tests.processors`.

PyTorch and MKL take the instructions that an environment variable names, so one machine runs the kernels of
older ones. A row is such a setting and a number of threads, as text: MKL_CBWR=AVX2,threads=2. Rows run one
after the other, each in a process of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
KERNELS = (
    "native",
    *(f"ATEN_CPU_CAPABILITY={level}" for level in ("default", "avx2", "avx512")),
    *(f"MKL_ENABLE_INSTRUCTIONS={level}" for level in ("SSE4_2", "AVX2", "AVX512")),
    *(f"MKL_CBWR={branch}" for branch in ("COMPATIBLE", "AVX2")),
)
THREADS = (1, 2, 4)
ROWS = tuple(f"{kernels},threads={count}" for kernels in KERNELS for count in THREADS)
PROMISES = ("tests/test_reproducibility.py", "tests/whitening/test_bases.py")
LEVELS = ("default", "avx2", "avx512")  # of ATen on x86, each with the ones before it


def settings(row: str) -> dict[str, str]:
    """Return the environment variables of a row. Raises ValueError for what is no row."""
    found = {"IMG2NOISE_THREADS": "1"}
    for part in row.split(","):
        name, _, value = part.partition("=")
        if name == "threads" and value.isdigit() and int(value):
            found["IMG2NOISE_THREADS"] = value
        elif part in KERNELS:
            found |= {name: value} if value else {}
        else:
            raise ValueError(f"got the row {row!r}; expected one such as {ROWS[-1]}: {', '.join(KERNELS)}")
    return found


def beyond(variables: dict[str, str], capability: str) -> bool:
    """Return whether torch would run instructions that this processor, of that capability, has not."""
    asked = variables.get("ATEN_CPU_CAPABILITY", "default")
    mine = capability.lower()
    return asked != "default" and (mine not in LEVELS or LEVELS.index(asked) > LEVELS.index(mine))


def run(row: str, tests: list[str]) -> tuple[str, str, list[str]]:
    """Run the tests under a row: how many passed, how many failed, and the names of those."""
    variables = settings(row)
    if beyond(variables, torch.backends.cpu.get_cpu_capability()):
        return "skipped: not in this processor", "", []
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True)
    found = {word: count for count, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
    failed = int(found.get("failed", 0)) + int(found.get("error", 0))
    names = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not failed:
        failed, names = 1, [f"ended with {done.returncode}: {(done.stdout + done.stderr)[-500:]}"]
    return found.get("passed", "0"), str(failed), names


def main(rows: list[str]) -> int:
    """Run the rows asked for, all without any, and print what came of each; return 1 where a test failed."""
    failed = []
    for row in rows:
        settings(row)
    for row in rows or ROWS:
        start = time.monotonic()
        passed, count, names = run(row, list(PROMISES))
        print(f"{row}: {passed} passed, {count or 0} failed, {time.monotonic() - start:.0f} s", flush=True)
        failed += [f"{row}: {name}" for name in names]
    print(*failed, sep="\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
