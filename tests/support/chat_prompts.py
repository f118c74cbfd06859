"""What llama-server makes of every conversation with every chat template of its source tree, and what we make of it.

`python -m tests.support.chat_prompts` asks a real llama-server and writes `tests/runtime/chat_prompts.json` anew. The
templates themselves stay where they are: in the source that `make engine` keeps.
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import llama_server
from tests.support.conversations import CONVERSATIONS
from tests.support.models import random_file
from tools.cluster.progress import Progress
from tools.engine import build, recipes, source

GOLDEN = Path(__file__).parents[1] / "runtime" / "chat_prompts.json"


@dataclass(frozen=True)
class Golden:
    asked: float  # templates write the date
    prompts: dict[str, dict[str, str | None]]  # by template and conversation; None: it was refused


def golden() -> Golden:
    return Golden(**json.loads(GOLDEN.read_text()))


def template(name: str) -> str:
    return (_templates() / name).read_text()


def told(tokens: Sequence[int] | None) -> str | None:
    """How many tokens, and which, in few letters."""
    if tokens is None:
        return None
    digest = hashlib.sha256(struct.pack(f"<{len(tokens)}i", *tokens)).hexdigest()
    return f"{len(tokens)} {digest[:16]}"


def server_program() -> Path:
    return build.ensure(recipes.SERVER, Progress()) / "bin" / "llama-server"


def of_llama_server(program: Path, name: str) -> dict[str, str | None]:
    with llama_server.serving(program, random_file("tiny"), _templates() / name) as address:
        return {each: told(llama_server.tokens(address, CONVERSATIONS[each])) for each in CONVERSATIONS}


def _templates() -> Path:
    return source.llama_cpp() / "models" / "templates"


def main() -> None:
    program = server_program()
    names = sorted(path.name for path in _templates().glob("*.jinja"))
    made: dict[str, Any] = {"asked": time.time(), "prompts": {name: of_llama_server(program, name) for name in names}}
    GOLDEN.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
