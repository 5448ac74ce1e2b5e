"""The table of simulated processors: what a row sets, and that its failures are seen."""

import pytest
import torch

from . import processors
from .each import each

CAPABILITY = torch.backends.cpu.get_cpu_capability()


@each("row", ["", "avx2", "threads=0", "threads=x", "MKL_CBWR", "MKL_CBWR=AVX", "PATH=x"])
def test_what_is_no_row_is_refused(row):
    with pytest.raises(ValueError, match="expected one such as"):
        processors.settings(row)


def test_instructions_that_a_processor_lacks_are_not_asked_for():
    asked = {level: {"ATEN_CPU_CAPABILITY": level} for level in processors.LEVELS}
    assert processors.beyond(asked["avx512"], "AVX2") and processors.beyond(asked["avx2"], "NO AVX")
    assert not processors.beyond(asked["avx2"], "AVX512") and not processors.beyond({}, "DEFAULT")
    assert not any(processors.beyond(variables, "AVX512") for variables in asked.values())


def test_a_row_runs_with_its_kernels_and_threads_and_counts_what_fails(tmp_path):
    file = tmp_path / "test_row.py"
    file.write_text(
        "import os, torch\n"
        "def test_kernels(): assert torch.backends.cpu.get_cpu_capability() in ('DEFAULT', 'NO AVX')\n"
        "def test_threads(): assert os.environ['IMG2NOISE_THREADS'] == '2'\n"
        "def test_broken(): assert False\n"
    )
    if CAPABILITY not in ("AVX2", "AVX512"):
        pytest.skip("only x86 kernels have names")
    passed, failed, names = processors.run("ATEN_CPU_CAPABILITY=default,threads=2", [str(file)])
    assert (passed, failed) == ("2", "1") and "test_broken" in names[0]
