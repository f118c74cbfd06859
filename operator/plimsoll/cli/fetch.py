"""`plimsoll fetch`: what containers of ours run beside the engines. People seldom need it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from plimsoll.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Bring or inspect weights; run by containers, not by people.")


@app.callback()
def fetch() -> None:
    """Bring or inspect weights; run by containers, not by people."""


@app.command("inspect")
def inspect(
    path: Annotated[Path, typer.Option("--path", help="The GGUF file, for a split model its first part.")],
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", help="What the file has to have. Default: it is taken as it is."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="File for the result. Default: /dev/termination-log, where there is one."),
    ] = None,
) -> None:
    """Read the header of a GGUF file and tell what sizing needs, or end with the exit code of a reason."""
    from plimsoll.api.termination import EXIT_CODES, encode
    from plimsoll.weights.inspecting import report_on
    from plimsoll.weights.trouble import SourceTrouble

    try:
        _tell(report_on(path, sha256), to)
    except SourceTrouble as trouble:
        _tell(encode(trouble.reason, trouble.finding.message), to)
        typer.echo(f"plimsoll: {trouble.message}\nWhat to do: {trouble.fix}", err=True)
        sys.exit(EXIT_CODES[trouble.reason])


@app.command("get")
def get(  # noqa: PLR0913, PLR0917
    source: Annotated[str, typer.Option("--source", help="What to bring: spec.source as JSON, without credential.")],
    to: Annotated[Path, typer.Option("--to", help="Folder for the files.")],
    identity: Annotated[
        str | None,
        typer.Option("--identity", help="What the source was when it was accepted. Default: it is taken as it is."),
    ] = None,
    private_network: Annotated[
        list[str] | None,
        typer.Option("--private-network", help="A private network that may be reached; can be repeated."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of folders to make room in. Default: no room is made.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", help="Name of a folder of the cache in use; can be repeated.")
    ] = None,
    kept_at: Annotated[
        str | None,
        typer.Option("--kept-at", help="The time of --keep. Default: nothing is removed from the cache."),
    ] = None,
    credential: Annotated[
        Path, typer.Option("--credential", help="Folder with a file for each key of the Secret, where there is one.")
    ] = Path("/run/plimsoll/credential"),
    words: Annotated[
        Path | None,
        typer.Option("--words", help="File for the last words. Default: /dev/termination-log, where there is one."),
    ] = None,
) -> None:
    """Bring weights into a folder, resumed where an earlier try stopped, or end with the exit code of a reason."""
    from plimsoll.api.termination import EXIT_CODES, encode
    from plimsoll.cli.exits import Unusable
    from plimsoll.weights import process
    from plimsoll.weights.trouble import SourceTrouble

    told = process.Arguments(
        source, identity, to, tuple(private_network or ()), cache, frozenset(keep or ()), kept_at, credential
    )
    try:
        code = process.run(told, lambda line: typer.echo(f"fetch: {line}"))
    except SourceTrouble as trouble:
        _tell(encode(trouble.reason, trouble.finding.message), words)
        typer.echo(f"plimsoll: {trouble.message}\nWhat to do: {trouble.fix}", err=True)
        code = EXIT_CODES[trouble.reason]
    except process.WrongArguments as wrong:
        raise Unusable(wrong.message, fix=wrong.fix) from None
    sys.exit(code)


def _tell(text: str, to: Path | None) -> None:
    """Into the log, and into the file that becomes the last words of the container."""
    from plimsoll.api.termination import PATH

    typer.echo(text)
    target = to or Path(PATH)
    if to is None and not target.exists():
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"the result could not be written to {target}: {error.strerror}", fix="name a file that can be in --to"
        ) from None
