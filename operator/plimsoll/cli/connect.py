"""`plimsoll connect`: the one URL of a cluster on this machine, without kubectl."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from plimsoll.cli.forwarding import Through, forwarded
from plimsoll.cli.grouping import grouped

# Where `plimsoll chat` looks; and where stock clients do.
URL, STOCK_URL = "PLIMSOLL_URL", "OPENAI_BASE_URL"
KEY, STOCK_KEY = "PLIMSOLL_API_KEY", "OPENAI_API_KEY"

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of this machine. 0: one that is free.")]
Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="COMMAND", help="Run this with the URL in its environment, and end as it ends."),
]


@grouped
def connect(through: Through, port: Port = 0, command: Command = None) -> None:
    """Bring the gateway's URL to this machine.

    Stays until Ctrl-C, and goes on with another gateway when one goes away. With a COMMAND it stays as long as that
    runs and ends with its exit code; OPENAI_BASE_URL, and from PLIMSOLL_API_KEY OPENAI_API_KEY, are set for it.

    \b
    plimsoll connect --port 8080
    plimsoll connect -- python ask.py
    """
    with forwarded(through, port) as number:
        url = f"http://127.0.0.1:{number}/v1"
        if command:
            raise typer.Exit(_run(command, {**os.environ, **_environment(url)}))
        with _until_asked_to_end() as wait:
            _tell(url)
            wait()


def _environment(url: str) -> dict[str, str]:
    key = os.environ.get(KEY)
    return {URL: url, STOCK_URL: url} | ({STOCK_KEY: key} if key else {})


def _tell(url: str) -> None:
    from plimsoll.cli.output import line, note

    line(f"base URL: {url}")
    line(f"export {STOCK_URL}={url}")
    if os.environ.get(KEY):
        line(f'export {STOCK_KEY}="${KEY}"')
    else:
        line(f"export {STOCK_KEY}=$(plimsoll key create NAME -o plain)")
    note("Ctrl-C ends it")


@contextmanager
def _until_asked_to_end() -> Iterator[Callable[[], object]]:
    """What is yielded waits for Ctrl-C or SIGTERM: both are how this is meant to end."""
    read, write = os.pipe()
    try:
        with _told_of((signal.SIGINT, signal.SIGTERM), lambda: os.write(write, b".")):
            yield lambda: os.read(read, 1)
    finally:
        os.close(read)
        os.close(write)


@contextmanager
def _told_of(signals: Iterable[signal.Signals], act: Callable[[], object]) -> Iterator[None]:
    before = {each: signal.signal(each, lambda *_: act()) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    import subprocess

    from plimsoll.cli.exits import Unusable

    running: list[subprocess.Popen[bytes]] = []

    def end() -> None:
        for each in running:
            each.terminate()

    # A terminal tells Ctrl-C to the command as well, and the command decides what comes of it.
    ignoring = _told_of([signal.SIGINT], lambda: None)
    with ignoring, _told_of([signal.SIGTERM], end):
        try:
            running.append(subprocess.Popen(command, env=environment))
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise Unusable(f"{command[0]} cannot be run: {words}", fix="correct the name after --") from None
        code = running[0].wait()
    return code if code >= 0 else 128 - code
