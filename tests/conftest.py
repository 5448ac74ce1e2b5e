"""What every test stands on: the library on the path, and lines that say which ComfyUI and Chromium were
found.
"""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import img2noise  # noqa: E402, F401  before the next line, in case the folder has this name too

# pytest takes a folder with an __init__.py and an identifier for a name as a package and imports it, which
# only ComfyUI can. It leaves alone what is there already.
sys.modules.setdefault(ROOT.name, ModuleType(ROOT.name))

from .browser import screen  # noqa: E402
from .host import hosts  # noqa: E402

# Problems here are tiny: a second thread gains nothing, and where the cores are busy it costs a thousandfold.
torch.set_num_threads(1)


def pytest_report_header():
    return [hosts.header(hosts.found()), screen.header(screen.chromium())]


@pytest.fixture(autouse=True)
def global_generator(request):
    """Fails a test of the library that moves torch's global generator: a seed is an argument here."""
    before = torch.get_rng_state()
    yield
    if request.path.parent == ROOT / "tests":
        assert torch.equal(before, torch.get_rng_state()), "something drew from the global generator"
