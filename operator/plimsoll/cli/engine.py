"""`plimsoll engine`: the process that serves a GGUF model. Containers run it; so can anybody with `make engine`."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from plimsoll.cli.exits import ExitCode, Unusable
from plimsoll.cli.grouping import grouped

if TYPE_CHECKING:
    from plimsoll.runtime.settings import Settings


class ModeName(StrEnum):
    GENERATE = "generate"
    EMBED = "embed"


class CacheType(StrEnum):
    F16 = "f16"
    Q8_0 = "q8_0"
    Q4_0 = "q4_0"


@dataclass(frozen=True)
class What:
    """Which model, under which name, for what."""

    model: Annotated[Path, typer.Option("--model", help="The GGUF file, of a split model its first part.")]
    alias: Annotated[
        str | None, typer.Option("--alias", help="The name that answers carry. Default: the name of the file.")
    ] = None
    mode: Annotated[ModeName, typer.Option("--mode", help="generate makes text, embed makes vectors.")] = (
        ModeName.GENERATE
    )
    chat_template: Annotated[
        str | None, typer.Option("--chat-template", help="Jinja text in place of the model's own chat template.")
    ] = None


@dataclass(frozen=True)
class Door:
    host: Annotated[str, typer.Option("--host", help="Address to listen on. Default: every address.")] = ""
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes one that is free.")] = 8080
    drain_seconds: Annotated[
        float, typer.Option("--drain-seconds", min=0, help="Time for what is running when it is asked to stop.")
    ] = 110.0
    strict: Annotated[
        bool,
        typer.Option(
            "--strict/--no-strict",
            help="Refuse fields of requests that nobody knows, unless a request says `strict: false`.",
        ),
    ] = True


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    context: Annotated[int, typer.Option("--context", min=32, help="Tokens that one request may use.")] = 4096
    parallel: Annotated[int, typer.Option("--parallel", min=1, max=256, help="Requests at the same time.")] = 4
    waiting: Annotated[
        int | None, typer.Option("--waiting", min=0, help="Requests that may wait. Default: 4 for each of --parallel.")
    ] = None
    queue_seconds: Annotated[
        float,
        typer.Option("--queue-seconds", min=1, help="Longest wait of a request for its turn; then it gets a 429."),
    ] = 60.0
    batch_size: Annotated[int, typer.Option("--batch-size", min=32, help="Most tokens in one step.")] = 512
    micro_batch_size: Annotated[
        int, typer.Option("--micro-batch-size", min=32, help="Most tokens computed at once.")
    ] = 512


@dataclass(frozen=True)
class Machine:
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads for computing. Default: what the CPU quota feeds.")
    ] = None
    gpu_layers: Annotated[
        int, typer.Option("--gpu-layers", min=0, help="Layers on GPUs, counted from the end with the output as one.")
    ] = 0
    kv_cache_type: Annotated[CacheType, typer.Option("--kv-cache-type", help="Number format of keys and values.")] = (
        CacheType.F16
    )
    flash_attention: Annotated[
        bool, typer.Option("--flash-attention/--no-flash-attention", help="Compute attention in blocks.")
    ] = True
    map_weights: Annotated[
        bool, typer.Option("--map-weights/--no-map-weights", help="Map the file instead of reading it.")
    ] = False


@grouped
def engine(what: What, door: Door, size: Size, machine: Machine) -> None:
    """Serve a GGUF model under OpenAI's HTTP paths, to many at once.

    Example: plimsoll engine --model models/plimsoll-1.gguf --port 8080 --parallel 8
    """
    settings = _settings(what, door, size, machine)
    _prepare()

    from plimsoll.logs import set_up_server
    from plimsoll.runtime.serving import serve

    set_up_server()
    try:
        serve(settings)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is told by the contract
        _end(error)
    _leave(0)


def _prepare() -> None:
    import faulthandler

    # As the first process of a container nothing would end it before it listens for signals itself.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # A crash inside llama.cpp ends the process; this at least says in which call.
    faulthandler.enable()


def _settings(what: What, door: Door, size: Size, machine: Machine) -> Settings:
    from plimsoll.runtime.settings import Mode, Settings
    from plimsoll.runtime.threads import available_threads

    if machine.kv_cache_type is not CacheType.F16 and not machine.flash_attention:
        raise Unusable(
            f"--kv-cache-type={machine.kv_cache_type} needs flash attention", fix="leave --no-flash-attention out"
        )
    return Settings(
        model=what.model,
        alias=what.alias or what.model.stem,
        mode=Mode(what.mode),
        chat_template=what.chat_template,
        host=door.host,
        port=door.port,
        drain_seconds=door.drain_seconds,
        strict=door.strict,
        context=size.context,
        parallel=size.parallel,
        waiting=size.waiting,
        queue_seconds=size.queue_seconds,
        batch_size=size.batch_size,
        micro_batch_size=min(size.micro_batch_size, size.batch_size),
        threads=machine.threads or available_threads(),
        gpu_layers=machine.gpu_layers,
        kv_cache_type=machine.kv_cache_type,
        flash_attention=machine.flash_attention,
        map_weights=machine.map_weights,
    )


def _end(error: Exception) -> NoReturn:
    """By the contract: last words with a reason where there is one, and its exit code."""
    import logging

    from plimsoll.api.termination import EXIT_CODES, PATH, encode
    from plimsoll.errors import UserError
    from plimsoll.runtime.endings import BadOption, reason_of

    if isinstance(error, UserError):
        typer.echo(f"plimsoll: {error.message}\nWhat to do: {error.fix}", err=True)
    else:
        logging.getLogger(__name__).error("the engine cannot go on", exc_info=error)
    reason = reason_of(error, getattr(error, "log", ()))
    if reason is None:
        _leave(ExitCode.USAGE if isinstance(error, BadOption) else ExitCode.NO)
    message = error.message if isinstance(error, UserError) else str(error)
    _write(Path(PATH), encode(reason, message))
    _leave(EXIT_CODES[reason])


def _write(path: Path, words: str) -> None:
    import contextlib

    # Only where Kubernetes has put one; what cannot be written is in the log as well.
    if path.exists():
        with contextlib.suppress(OSError):
            path.write_text(words, encoding="utf-8")


def _leave(code: int) -> NoReturn:
    """At once: a thread that still computes must not see the libraries being taken down."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
