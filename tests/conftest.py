"""What every test stands on: the library on the path, and one line that says which ComfyUI was found."""

import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import img2noise  # noqa: E402, F401  before the next line, in case the folder has this name too

# pytest takes a folder with an __init__.py and an identifier for a name as a package and imports it, which
# only ComfyUI can. It leaves alone what is there already.
sys.modules.setdefault(ROOT.name, ModuleType(ROOT.name))

from .host import hosts  # noqa: E402


def pytest_report_header():
    return hosts.header(hosts.found())
