"""Completion: scripts for shells, and the answers that kubectl asks its plugins for."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from enum import StrEnum
from typing import Annotated

import typer

# What kubectl does with the candidates: offer nothing else, or offer files.
_NOTHING_ELSE, _FILES = ":4", ":0"
_VARIABLE = "_PLIMSOLL_COMPLETE"


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> None:
    """Print a script that completes verbs and options.

    \b
    source <(plimsoll completion bash)
    source <(plimsoll completion zsh)
    plimsoll completion fish | source
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    typer.echo(get_completion_script(prog_name="plimsoll", complete_var=_VARIABLE, shell=shell))


def get_ready() -> None:
    """When a shell asks: typer answers, once it knows the shells. Its own options for that see only the current one."""
    if os.environ.get(_VARIABLE):
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()


def complete_for_kubectl() -> None:
    """The program `kubectl_complete-plimsoll`: kubectl runs it with what was typed so far, the last word unfinished."""
    from plimsoll.cli.main import app

    # The lines that fish wants are those that kubectl wants.
    os.environ |= {
        _VARIABLE: "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": shlex.join(["plimsoll", *(sys.argv[1:] or [""])]),
    }
    get_ready()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        app(prog_name="plimsoll")
    candidates = said.getvalue().strip("\n")
    typer.echo(f"{candidates}\n{_NOTHING_ELSE}" if candidates else _FILES)
