"""`plimsoll key`: what is there, and keys that open nothing for now or for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from plimsoll.cli import key_making
from plimsoll.cli.grouping import grouped
from plimsoll.cli.key_objects import KeyName
from plimsoll.cli.output import NamedFormat, NamedFormatOption
from plimsoll.cli.reaching import AllNamespaces, Object, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.cli.key_answers import KeyAnswer
    from plimsoll.cli.output import Cell

app = typer.Typer(no_args_is_help=True)
app.command("create")(key_making.create)


@app.callback()
def key() -> None:
    """Make, list, change and revoke the keys that callers show.

    A ModelKey holds the hash of a key, never the key, so it may stand in Git.

    \b
    export PLIMSOLL_API_KEY=$(plimsoll key create app -o plain)
    plimsoll key rotate app --overlap 24h
    """


@app.command("list")
@grouped
def list_(where: Where, everywhere: AllNamespaces = False, output: NamedFormatOption = NamedFormat.TABLE) -> None:
    """List keys, what they open and whether gateways take them.

    \b
    plimsoll key list
    plimsoll key list -A -o json
    """
    from plimsoll.api.names import GROUP
    from plimsoll.cli.key_answers import KeysAnswer
    from plimsoll.cli.key_objects import row
    from plimsoll.cli.output import line, structured, write
    from plimsoll.cluster.kinds import MODEL_KEY

    async def question(reached: Reached) -> list[Object]:
        return await reached.client.list(MODEL_KEY, None if everywhere else reached.namespace)

    found = sorted(map(row, asked(where, question)), key=lambda each: (each.namespace, each.name))
    if output == NamedFormat.TABLE:
        _tell(found, everywhere=everywhere)
    elif output == NamedFormat.NAME:
        for each in found:
            line(f"modelkey.{GROUP}/{each.name}")
    else:
        write(structured(KeysAnswer(items=tuple(found)).data(), output))


app.command("rotate")(key_making.rotate)


@app.command("suspend")
@grouped
def suspend(where: Where, name: KeyName) -> None:
    """Let a key open nothing for now.

    \b
    plimsoll key suspend app
    """
    _suspend(where, name, wanted=True)


@app.command("resume")
@grouped
def resume(where: Where, name: KeyName) -> None:
    """Let a suspended key open again what it opened.

    \b
    plimsoll key resume app
    """
    _suspend(where, name, wanted=False)


@app.command("revoke")
@grouped
def revoke(where: Where, name: KeyName) -> None:
    """Take a key away for good: its ModelKey is deleted.

    What was used with it stays in the records.

    \b
    plimsoll key revoke app
    """
    from plimsoll.cli.key_objects import read
    from plimsoll.cli.output import line, note
    from plimsoll.cluster.kinds import MODEL_KEY

    async def question(reached: Reached) -> Object:
        found = await read(reached, name)
        seen = {"uid": found["metadata"]["uid"]}
        await reached.client.delete(MODEL_KEY, reached.namespace, name, seen)
        return found

    gone = asked(where, question)
    namespace, prefix = gone["metadata"]["namespace"], gone["spec"]["prefix"]
    line(f"{namespace}/{name} is revoked: its ModelKey is deleted, and gateways refuse plm_{prefix}… within seconds")
    note("if its manifest stands in Git, remove it there as well, or it comes back")


def _suspend(where: Where, name: str, *, wanted: bool) -> None:
    from plimsoll.cli.key_objects import changed
    from plimsoll.cli.output import line

    async def question(reached: Reached) -> Object:
        return await changed(reached, name, lambda spec: {**spec, "suspended": wanted})

    subject = f"{asked(where, question)['metadata']['namespace']}/{name}"
    if wanted:
        line(f"{subject} is suspended: gateways refuse it within seconds, until plimsoll key resume {name}")
    else:
        line(f"{subject} is not suspended any more: gateways take it within seconds, if nothing else is against it")


def _tell(keys: Sequence[KeyAnswer], *, everywhere: bool) -> None:
    from plimsoll.cli.output import note, squeezed, table

    if not keys:
        note("there is no ModelKey here; plimsoll key list -A looks everywhere, plimsoll key create NAME makes one")
        return
    titles = ["NAME", "TEAM", "PREFIX", "MODELS", "READY", "REASON", "EXPIRES", "AGE"]
    now = datetime.now(UTC)
    rows = [_cells(each, now) for each in keys]
    if everywhere:
        titles.insert(0, "NAMESPACE")
        rows = [[each.namespace, *cells] for each, cells in zip(keys, rows, strict=True)]
    table(*squeezed(titles, rows, spare=("AGE", "PREFIX", "TEAM"), cut="MODELS"))


def _cells(key: KeyAnswer, now: datetime) -> list[Cell]:
    from plimsoll.cli.output import colour_of
    from plimsoll.cli.times import age, left

    ready = (key.ready or "-", colour_of(key.ready))
    models = ",".join(key.models) if key.models else "*/*"
    expires = left(key.expires_at, now)
    return [key.name, key.team or "-", key.prefix, models, ready, key.reason or "-", expires, age(key.created_at, now)]
