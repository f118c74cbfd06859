"""llama.cpp's own server, asked which tokens it makes of a conversation."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.conversations import Conversation
from tests.support.waiting import wait_until

_START_SECONDS = 60


@contextmanager
def serving(program: Path, model: Path, template: Path) -> Iterator[str]:
    """Its address, while it serves the model with this chat template."""
    port = _free_port()
    server = subprocess.Popen(
        [program, "-m", model, "--jinja", "--chat-template-file", template, "--host", "127.0.0.1", "--port", str(port),
         "-c", "512", "-np", "1", "-t", "1", "--no-warmup", "--no-ui"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"},
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: server.poll() is not None or _healthy(address), _START_SECONDS, "llama-server is ready")
        yield address
    finally:
        server.kill()
        server.wait()


def tokens(address: str, conversation: Conversation) -> list[int] | None:
    """The prompt of a request for a chat; None where the template refuses it."""
    asked: dict[str, Any] = {
        "messages": conversation.messages,
        "add_generation_prompt": conversation.add_generation_prompt,
    }
    if conversation.tools:
        asked["tools"] = conversation.tools
    try:
        text = _post(f"{address}/apply-template", asked)["prompt"]
    except urllib.error.HTTPError:
        return None
    found: list[int] = _post(f"{address}/tokenize", {"content": text, "add_special": True, "parse_special": True})[
        "tokens"
    ]
    return found


def _post(address: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
