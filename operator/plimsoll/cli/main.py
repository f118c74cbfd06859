"""The entry of `plimsoll`: options that stand before any verb, and how a user's error is told."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from plimsoll.errors import UserError

# Plain help: rich would take longer to import than the rest of the command.
app = typer.Typer(name="plimsoll", rich_markup_mode=None, add_completion=False, no_args_is_help=True)


def installed_version() -> str:
    try:
        return version("plimsoll")
    except PackageNotFoundError:
        raise UserError(
            "this copy of plimsoll is not installed, so it has no version",
            fix="run `make setup` in the checkout and use .venv/bin/plimsoll",
        ) from None


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plimsoll {installed_version()}")
        raise typer.Exit


@app.callback()
def plimsoll(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Language models on Kubernetes: declared in Git, served behind one URL, held under a budget."""


def run() -> None:
    try:
        app()
    except UserError as error:
        typer.echo(f"plimsoll: {error.message}\nWhat to do: {error.fix}", err=True)
        sys.exit(1)
