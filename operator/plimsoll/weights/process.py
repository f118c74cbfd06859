"""`plimsoll fetch get` as a process: what its arguments mean, and how it ends when it is asked to."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from plimsoll.api.crd import structural_schema
from plimsoll.api.source import Source
from plimsoll.api.validate import Problem, misfits
from plimsoll.errors import UserError
from plimsoll.plan.weights_cache import key_of
from plimsoll.weights.addresses import networks
from plimsoll.weights.credentials import Credential
from plimsoll.weights.eviction import Cache
from plimsoll.weights.folder import Folder
from plimsoll.weights.folder_lock import Owner
from plimsoll.weights.getting import Order, Surroundings, get
from plimsoll.weights.remote_files import Wanted

_LARGEST_SECRET = 1 << 20
_TERMINATED = 128 + signal.SIGTERM
_WRITTEN_BY_US = "the operator writes these arguments; see docs/engine-contract.md"
_WRITTEN_BY_USER = (
    "correct it in the ModelConfig; if it is right there, images.plimsoll of the operator's configuration is of "
    "another version than the operator"
)
_MOST_TOLD = 4


class WrongArguments(UserError):
    """Nothing was tried: another call is needed. Names the field, never its value, which can hold a key."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """As they stand on the command line; the contract of the engines has their meaning."""

    source: str
    identity: str | None
    to: Path
    private_networks: tuple[str, ...]
    cache: Path | None
    keep: frozenset[str]
    kept_at: str | None
    credential: Path


def run(arguments: Arguments, say: Callable[[str], None]) -> int:
    """The exit code. Raises SourceTrouble, or WrongArguments for what means nothing."""
    order = order_of(arguments)
    # Models of one namespace may run as different users; what they share is the group of the volume.
    os.umask(0o002)
    owner = Owner(socket.gethostname(), secrets.token_hex(8))
    return asyncio.run(_until_terminated(order, Surroundings(owner, say)))


def order_of(arguments: Arguments) -> Order:
    source = _source(arguments.source)
    _require_networks(arguments.private_networks)
    kept_at = None if arguments.kept_at is None else _moment(arguments.kept_at)
    return Order(
        Wanted(source, arguments.identity),
        Folder(arguments.to, key_of(arguments.source, arguments.identity)),
        _credential(arguments.credential),
        arguments.private_networks,
        None if arguments.cache is None else Cache(arguments.cache, arguments.keep, kept_at),
    )


async def _until_terminated(order: Order, surroundings: Surroundings) -> int:
    """As the first process of a container nothing else would end it on SIGTERM; the lock is given back."""
    task = asyncio.ensure_future(get(order, surroundings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        surroundings.say("asked to end: the download goes on from here at the next start")
        return _TERMINATED
    return 0


def _credential(folder: Path) -> Credential | None:
    """A Secret as the kubelet mounts it: a file for each key, behind a link; what begins with two dots is its own."""
    if not folder.is_dir():
        return None
    data = {}
    for file in folder.iterdir():
        if file.name.startswith("..") or not file.is_file():
            continue
        with file.open("rb") as opened:
            data[file.name] = opened.read(_LARGEST_SECRET).decode(errors="replace")
    return Credential(data)


def _source(text: str) -> Source:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise WrongArguments("--source is not JSON", fix=_WRITTEN_BY_US) from None
    schema = structural_schema()["properties"]["spec"]["properties"]["source"]
    problems = list(islice(misfits(document, schema, Source), _MOST_TOLD))
    if problems:
        words = "; ".join(f"{_field(problem)}: {problem.message.rstrip('.')}" for problem in problems)
        raise WrongArguments(words, fix=_WRITTEN_BY_USER)
    source = Source.model_validate(document)
    places = [place for place in (source.hugging_face, source.http, source.s3) if place is not None]
    if source.mounted is not None:
        words = "lies on a volume or in an image, and only what lies on a server is fetched"
        raise WrongArguments(f"spec.source {words}", fix=_WRITTEN_BY_US)
    if len(places) != 1:
        raise WrongArguments("spec.source: exactly one of huggingFace, http and s3 is fetched", fix=_WRITTEN_BY_USER)
    return source


def _field(problem: Problem) -> str:
    return f"spec.source.{problem.field}" if problem.field else "spec.source"


def _require_networks(texts: tuple[str, ...]) -> None:
    try:
        networks(texts)
    except ValueError as error:
        words = f"--private-network, sources.privateNetworks of the operator's configuration: {error}"
        raise WrongArguments(words, fix="write networks as 10.0.0.0/8, or single addresses") from None


def _moment(text: str) -> datetime:
    with suppress(ValueError):
        if (moment := datetime.fromisoformat(text)).tzinfo is not None:
            return moment
    raise WrongArguments("--kept-at is no time with a time zone, such as 2026-11-21T12:00:00Z", fix=_WRITTEN_BY_US)
