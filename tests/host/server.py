"""A real ComfyUI on the CPU, in its own process and its own base folder, spoken to over HTTP.

The pack is copied into the base folder as a user would have it installed; nothing is written into ComfyUI's
own folder. Pictures and tensors are read from the base folder's output.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from .hosts import Comfy

CLIENT = "tests"
PACK = Path(__file__).resolve().parents[2]
TESTING_PACK = Path(__file__).resolve().parent / "testing_pack"
_NOT_SHIPPED = shutil.ignore_patterns(".*", "__pycache__", "tests", "benchmarks", "out", "*.egg-info")
_FLAGS = [
    *("--cpu", "--disable-auto-launch", "--disable-metadata", "--disable-api-nodes"),
    *("--disable-all-custom-nodes", "--whitelist-custom-nodes", "img2noise", "testing_pack"),
]


class Server:
    """One running ComfyUI. `base` is its folder, with input, output and models in it; `site` holds what its
    Python needs beside what it has; `pack` is what is installed, this checkout or another folder; `flags` are
    more of ComfyUI's own.
    """

    def __init__(
        self,
        comfy: Comfy,
        base: Path,
        site: Path,
        seconds: float = 600.0,
        pack: Path = PACK,
        flags: tuple[str, ...] = (),
    ):
        self.comfy, self.base, self.log = comfy, base, base / "server.log"
        self.input, self.output, self.models = base / "input", base / "output", base / "models"
        _furnish(comfy, base, pack)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        own = ["--base-directory", base, "--database-url", f"sqlite:///{base / 'comfyui.db'}"]
        command = [comfy.python, "main.py", *_FLAGS, *flags, *own, "--port", self.port]
        self.command, self.site, self.seconds = [str(part) for part in command], str(site), seconds
        self._start()
        self.object_info = self.get_json("/object_info")

    def restart(self) -> None:
        """End the process and start one like it, on the same port and in the same folder."""
        self.stop()
        self._start()

    def stop(self) -> None:
        """End the process that was started here."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.read()

    def get_json(self, path: str):
        return json.loads(self.get(path))

    def post(self, path: str, body: dict) -> dict:
        """The answer to a POST, or for one that ComfyUI refuses what it says is wrong."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            text = refusal.read()
        return json.loads(text) if text else {}

    def queue(self, graph: dict) -> str:
        """Queue an API graph; its prompt id. One that ComfyUI refuses, even in part, fails the test."""
        answer = self.post("/prompt", {"prompt": graph, "client_id": CLIENT})
        assert "prompt_id" in answer and not answer.get("node_errors"), json.dumps(answer, indent=1)
        return answer["prompt_id"]

    def wait(self, prompt_id: str, seconds: float = 120.0) -> dict:
        """What the history says of a prompt, once it has ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            entry = self.get_json(f"/history/{prompt_id}").get(prompt_id)
            if entry:
                return entry
            time.sleep(0.02)
        raise AssertionError(f"the prompt did not end in {seconds} s\n{self.tail()}")

    def run(self, graph: dict) -> dict:
        """Run an API graph that must succeed; the UI outputs per node id."""
        entry = self.wait(self.queue(graph))
        assert entry["status"]["status_str"] == "success", f"{_failure(entry)}\n{self.tail()}"
        return entry["outputs"]

    def error(self, graph: dict) -> dict:
        """Run an API graph that a node must refuse; that node's node_type, exception_type and
        exception_message.
        """
        return _failure(self.wait(self.queue(graph)))

    def tensors(self, name: str) -> dict[str, Tensor]:
        """What the testing pack's dump nodes wrote under this name."""
        return load_file(self.output / f"{name}.safetensors")

    def picture(self, image: dict) -> np.ndarray:
        """The pixels (H, W, 3) of an image that a node's UI output names."""
        return np.asarray(Image.open(io.BytesIO(self.get(f"/view?{urllib.parse.urlencode(image)}"))))

    def tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def _start(self) -> None:
        settings = dict(OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1", HF_HUB_OFFLINE="1")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.comfy.folder,
                env={**os.environ, **settings, "PYTHONPATH": self.site},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_up(time.monotonic() + self.seconds)

    def _wait_until_up(self, until: float) -> None:
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.get("/queue")
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise AssertionError(
            f"ComfyUI {self.comfy.version} did not start with {self.comfy.python}; set COMFYUI_PYTHON to a "
            f"Python that has its requirements\n{self.tail()}"
        )


def link(file: Path, place: Path) -> None:
    """The same file in another place, without a copy where that can be."""
    try:
        os.link(file, place)
    except OSError:  # another drive, or a file system without links
        shutil.copy(file, place)


def _failure(entry: dict) -> dict:
    """The last execution_error or execution_interrupted message of a history entry."""
    kinds = "execution_error", "execution_interrupted"
    return next((m for kind, m in reversed(entry["status"]["messages"]) if kind in kinds), {})


def _furnish(comfy: Comfy, base: Path, pack: Path) -> None:
    for folder in ("input", "output", "models/checkpoints", "models/img2noise", "custom_nodes"):
        (base / folder).mkdir(parents=True)
    shutil.copytree(pack, base / "custom_nodes/img2noise", ignore=_NOT_SHIPPED)
    shutil.copytree(TESTING_PACK, base / "custom_nodes/testing_pack", ignore=_NOT_SHIPPED)
    shutil.copy(comfy.folder / "input/example.png", base / "input/example.png")
