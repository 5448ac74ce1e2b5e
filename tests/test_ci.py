"""The workflows of .github: pinned actions, commands that exist, the check before a version is published."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

import img2noise

from .archive import ROOT
from .each import each

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
PINNED = r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # (v\d+\.\d+\.\d+|main of \d{4}-\d\d-\d\d.*)"


def lines(key):
    """The values of a key in all workflows."""
    return [v for p in WORKFLOWS for v in re.findall(rf"^ *(?:- )?{key}: (.+)$", p.read_text("utf-8"), re.M)]


def test_actions_are_pinned_by_commit_with_their_version_beside_it():
    found = lines("uses")
    assert len(found) > 5 and not [line for line in found if not re.fullmatch(PINNED, line)]


def test_the_commands_they_run_are_there():
    commands = "\n".join(lines("run"))
    for target in re.findall(r"^make (.+)$", commands, re.M):
        assert re.search(rf"^{target}:", MAKEFILE, re.M), target
    for module in re.findall(r"^python -m (tests\.\w+)", commands, re.M):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), module
    for path in re.findall(r"\btests/\w+", commands):
        assert (ROOT / path).is_dir(), path


@pytest.mark.skipif(os.name == "nt", reason="the workflow runs it on Linux")
@each("tag, passes", [(f"v{img2noise.__version__}", True), ("v99.0.0", False)])
def test_a_version_is_published_only_under_its_own_tag(tag, passes):
    text = (ROOT / ".github/workflows/publish.yml").read_text("utf-8")
    [command] = re.findall(r"run: (grep .+)$", text, re.M)
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env={**os.environ, "GITHUB_REF_NAME": tag})
    assert (done.returncode == 0) == passes
