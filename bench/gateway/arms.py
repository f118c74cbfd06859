"""The servers that take part, each as what starts it: the mock on one core, and whoever is measured on the other."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.frame.run import ROOT
from bench.frame.servers import Launch, free_port
from bench.gateway.bare import UPSTREAM
from bench.gateway.cores import on
from bench.gateway.routing import KEY, MODEL, document
from plimsoll.routing.encoding import encode

_OURS = "from plimsoll.cli.main import run\nrun()"
_MASTER_KEY = "sk-bench"


@dataclass(frozen=True)
class Words:
    """Of one stream: how many, and how long from one to the next, in seconds."""

    events: int
    every: float


class Mock:
    name = "mock"
    model = MODEL
    key = KEY

    def __init__(self, program: Path, core: int, words: Words) -> None:
        self._program = program
        self._core = core
        self.words = words

    def launch(self, port: int) -> Launch:
        stream = [f"--events={self.words.events}", f"--every={self.words.every}s"]
        command = [*on(self._core), str(self._program), "mock", f"--listen=127.0.0.1:{port}", *stream]
        return Launch(self.name, "mock", "/", command)


class Ours:
    """As it is installed, with its journal and its log on disk."""

    name = "ours"
    model = MODEL
    key = KEY

    def __init__(self, folder: Path, core: int, mock: int) -> None:
        self._folder = folder
        self._core = core
        self._mock = mock

    def launch(self, port: int) -> Launch:
        folder = self._folder / f"ours-{port}"
        (folder / "records").mkdir(parents=True)
        routing = folder / "routing.json"
        routing.write_bytes(encode(document(self._mock)))
        inner = free_port()
        ports = ["--host=127.0.0.1", f"--port={port}", f"--inner-port={inner}", "--goodbye-seconds=0"]
        files = [f"--routing={routing}", f"--records={folder / 'records'}"]
        command = [*on(self._core), sys.executable, "-c", _OURS, "gateway", *files, *ports]
        return Launch(self.name, "ours", "/ready", command, ready_port=inner)


@dataclass(frozen=True)
class Bare:
    """A server and a client, and nothing between them: those of ours, or candidates for either."""

    name: str
    python: Path
    core: int
    mock: int
    module: str = "bench.gateway.bare"
    model = MODEL
    key = KEY

    @property
    def upstream(self) -> str:
        return f"http://127.0.0.1:{self.mock}"

    def launch(self, port: int) -> Launch:
        command = [*on(self.core), str(self.python), "-m", *self._program(port)]
        environment = {"PYTHONPATH": str(ROOT), UPSTREAM: self.upstream}
        return Launch(self.name, self.name, "/", command, environment)

    def _program(self, port: int) -> list[str]:
        return [self.module, f"--port={port}", f"--upstream={self.upstream}"]


class Granian(Bare):
    """The same application on another server, with one worker and the same loop."""

    def _program(self, port: int) -> list[str]:
        server = ["granian", "--interface=asginl", "--loop=uvloop", "--http=1", "--no-ws", "--log-level=error"]
        where = ["--host=127.0.0.1", f"--port={port}", "--workers=1"]
        return [*server, *where, "--factory", f"{self.module}:from_environment"]


class LiteLLM:
    """One worker without a database; it asks for one key, and looks prices up in the file that it came with."""

    name = "LiteLLM"
    model = "boat"
    key = _MASTER_KEY

    def __init__(self, python: Path, folder: Path, core: int, mock: int) -> None:
        self._python = python
        self._folder = folder
        self._core = core
        self._mock = mock

    def launch(self, port: int) -> Launch:
        config = self._folder / f"litellm-{port}.json"
        config.write_text(json.dumps(self._settings()))
        program = [str(self._python), str(self._python.with_name("litellm"))]
        asked = [f"--config={config}", "--host=127.0.0.1", f"--port={port}", "--num_workers=1", "--telemetry=False"]
        told = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "NO_PROXY": "*",
        }
        return Launch(self.name, "litellm", "/health/liveliness", [*on(self._core), *program, *asked], told)

    def _settings(self) -> dict[str, object]:
        """JSON is YAML too."""
        where = {"model": "openai/boat", "api_base": f"http://127.0.0.1:{self._mock}/v1", "api_key": "none"}
        return {
            "model_list": [{"model_name": "boat", "litellm_params": where}],
            "litellm_settings": {"telemetry": False, "num_retries": 0},
            "general_settings": {"master_key": _MASTER_KEY},
        }
