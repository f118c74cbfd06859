"""The entry of `plimsoll`: its verbs, the options that stand before any of them, and how a user's error is told."""

import sys
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from plimsoll.cli import (
    carrying,
    chat,
    checking,
    completing,
    connect,
    crds,
    differing,
    engine,
    fetch,
    gateway,
    getting,
    going_back,
    history,
    importing,
    keys,
    operator,
    records,
    sizing,
    status_tree,
    waiting,
)
from plimsoll.cli.exits import Unusable
from plimsoll.cli.reaching import Context, Kubeconfig, Namespace
from plimsoll.errors import UserError

# Run by containers: they say everything after the verb.
_NOT_FOR_PEOPLE = ("operator", "gateway", "engine", "fetch")

# Plain help: rich would take longer to import than the rest of the command.
app = typer.Typer(
    name="plimsoll",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# What a verb needs beyond typer it imports when it runs: `plimsoll --help` shall be there at once.
app.command("check")(checking.check)
app.command("size")(sizing.size)
app.command("get")(getting.get)
app.command("status")(status_tree.status)
app.command("wait")(waiting.wait)
app.command("history")(history.history)
app.command("diff")(differing.diff)
app.command("rollback")(going_back.rollback)
app.command("pin")(going_back.pin)
app.command("export")(carrying.export)
app.command("import")(importing.import_)
app.add_typer(keys.app, name="key")
app.command("connect")(connect.connect)
app.command("chat")(chat.chat)
app.add_typer(records.app, name="records")
app.command("crds")(crds.crds)
app.command("completion")(completing.completion)
app.command("operator")(operator.operator)
app.command("gateway")(gateway.gateway)
app.command("engine")(engine.engine)
app.add_typer(fetch.app, name="fetch")


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
    call: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Language models on Kubernetes: declared in Git, served behind one URL, held under a budget."""
    where = {"namespace": namespace, "context": context, "kubeconfig": kubeconfig}
    said = {name: value for name, value in where.items() if value is not None}
    verb = call.invoked_subcommand
    if said and verb in _NOT_FOR_PEOPLE:
        raise Unusable(f"--{next(iter(said))} stands before `{verb}`", fix=f"say it after `{verb}`")
    # As with kubectl: what stands before the verb counts where nothing is said after it.
    call.default_map = {verb: _for_each_below(call, verb, said)} if verb else None


def _for_each_below(call: typer.Context, verb: str, said: dict[str, Any]) -> dict[str, Any]:
    below = getattr(getattr(call.command, "commands", {}).get(verb), "commands", {})
    return said | dict.fromkeys(below, said)


def run() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a letter gets its number instead of a traceback.
            stream.reconfigure(errors="backslashreplace")
    completing.get_ready()
    as_plugin = Path(sys.argv[0]).name == "kubectl-plimsoll"
    try:
        app(prog_name="kubectl plimsoll" if as_plugin else None)
    except UserError as error:
        _end(error)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("plimsoll"):
            raise
        # An image or a laptop installs only what its own process imports.
        _end(
            UserError(f"this verb needs {missing.name}, which is not here", fix="install plimsoll with its extra `cli`")
        )


def _end(error: UserError) -> NoReturn:
    from plimsoll.cli.exits import code_of
    from plimsoll.cli.output import note

    note(f"plimsoll: {error.message}")
    note(f"What to do: {error.fix}")
    sys.exit(code_of(error))
