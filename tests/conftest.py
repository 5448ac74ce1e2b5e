"""What every test stands on: the library on the path, and lines that say which ComfyUI and Chromium were
found.
"""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

# Read when torch is loaded: threads that wait for a core sleep. Where they spin while others keep the cores
# busy, a call of two threads takes a hundred times that of one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import img2noise  # noqa: E402, F401  before the next line, in case the folder has this name too

# pytest takes a folder with an __init__.py and an identifier for a name as a package and imports it, which
# only ComfyUI can. It leaves alone what is there already.
sys.modules.setdefault(ROOT.name, ModuleType(ROOT.name))

from .browser import screen  # noqa: E402
from .host import hosts  # noqa: E402

# Problems here are tiny: a second thread gains nothing. `python -m tests.processors` asks for more.
THREADS = int(os.environ.get("IMG2NOISE_THREADS", "1"))
torch.set_num_threads(THREADS)


def pytest_configure(config):
    config.addinivalue_line("markers", "xdist_group: tests that one process of pytest-xdist runs")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep together what shares a server, or else a file's fixtures: `pytest -n 2 --dist loadgroup`."""
    for item in items:
        comfy = item.callspec.params.get("server") if hasattr(item, "callspec") else None
        item.add_marker(pytest.mark.xdist_group(f"ComfyUI {comfy.version}" if comfy else item.path.name))


def pytest_report_header():
    kernels = f"kernels: {torch.backends.cpu.get_cpu_capability()}, threads: {torch.get_num_threads()}"
    return [kernels, hosts.header(hosts.found()), screen.header(screen.chromium())]


@pytest.fixture(autouse=True)
def global_generator(request):
    """Fails a test of the library that moves torch's global generator: a seed is an argument here."""
    before = torch.get_rng_state()
    yield
    if not {"host", "browser"} & set(request.path.relative_to(ROOT / "tests").parts):
        assert torch.equal(before, torch.get_rng_state()), "something drew from the global generator"
