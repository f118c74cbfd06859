"""Bringing weights in tests: in this process with small blocks and no pauses, or as the real command."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.api.source import Source
from plimsoll.plan.weights_cache import key_of
from plimsoll.weights.client import Limits
from plimsoll.weights.credentials import Credential
from plimsoll.weights.downloading import Pace
from plimsoll.weights.eviction import Cache
from plimsoll.weights.folder import Folder
from plimsoll.weights.folder_lock import Owner, Patience
from plimsoll.weights.getting import Order, Surroundings, get
from plimsoll.weights.guard import Resolve, system_resolve
from plimsoll.weights.remote_files import Wanted
from plimsoll.weights.trouble import SourceTrouble
from tests.support.gguf_maker import Made
from tests.support.model_server import Content
from tests.support.sources import PATIENT

BLOCK, REQUEST = 4 << 10, 16 << 10
PACE = Pace(connections=4, block=BLOCK, request=REQUEST, slowest_block=5)
PATIENCE = Patience(beat=0.02, dead=0.3, look=0.01)


def whole(made: Made, size: int | None = None) -> Content:
    """A file with real bytes where the weights would be, so that a byte in the wrong place is seen."""
    wanted = made.file_size if size is None else size
    return Content.text(made.data + random.Random(wanted).randbytes(wanted - len(made.data)))


def order(
    source: Mapping[str, Any],
    to: Path,
    *,
    open_to: str = "",
    identity: str | None = None,
    credential: Mapping[str, str] | None = None,
    cache: Cache | None = None,
) -> Order:
    return Order(
        Wanted(Source.model_validate(dict(source)), identity),
        Folder(to, key_of(json.dumps(dict(source)), identity)),
        None if credential is None else Credential(credential),
        (f"{open_to}/32",) if open_to else (),
        cache,
    )


def around(
    lines: list[str],
    *,
    owner: Owner | None = None,
    resolve: Resolve = system_resolve,
    pace: Pace = PACE,
    pauses: Sequence[float] = (0.0, 0.0, 0.0),
    patience: Patience = PATIENCE,
    limits: Limits = PATIENT,
) -> Surroundings:
    return Surroundings(
        owner or Owner("here", "me"),
        lines.append,
        resolve,
        limits=limits,
        patience=patience,
        pace=pace,
        pauses=pauses,
    )


def bring(wanted: Order, **more: Any) -> list[str]:
    """What was said meanwhile."""
    lines: list[str] = []
    asyncio.run(get(wanted, around(lines, **more)))
    return lines


def not_brought(wanted: Order, reason: Reason, **more: Any) -> SourceTrouble:
    """Why nothing was brought: it has to be for this reason, and nothing may have got its final name."""
    with pytest.raises(SourceTrouble) as raised:
        bring(wanted, **more)
    assert raised.value.reason is reason, raised.value.message
    assert files_in(wanted.folder.path) == []
    return raised.value


def files_in(folder: Path) -> list[str]:
    """What an engine would find."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != ".plimsoll")


class FetchProcess:
    """The real command, as a container would run it."""

    def __init__(self, source: Mapping[str, Any], to: Path, open_to: str, *more: str) -> None:
        self.words = to.with_name(f"{to.name}.words")
        self.words.touch()
        self._process = subprocess.Popen(
            [
                *(Path(sys.executable).with_name("plimsoll"), "fetch", "get", f"--source={json.dumps(source)}"),
                *(f"--to={to}", f"--private-network={open_to}/32", f"--words={self.words}", *more),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()

    def ended(self, seconds: float = 60) -> tuple[int, str]:
        """Its exit code and what it said."""
        output, _ = self._process.communicate(timeout=seconds)
        return self._process.returncode, output
