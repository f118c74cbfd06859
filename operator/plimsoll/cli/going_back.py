"""`plimsoll rollback` and `plimsoll pin`: the change that goes back, to be committed or applied.

Pinning serves an old revision while the spec stays ahead of it. Rolling back makes the spec say again what an old
revision said, so that the next edit starts from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import DataFormat, DataFormatOption
from plimsoll.cli.reaching import FIELD_MANAGER, Name, Object, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.plan.revision import Revision

_MOST_TRIES = 5
To = Annotated[int | None, typer.Option("--to", min=1, help="Revision to go back to. Default: the last good one.")]
Number = Annotated[int | None, typer.Argument(metavar="[NUMBER]", min=1, help="Revision to serve.")]
Clear = Annotated[bool, typer.Option("--clear", help="Serve the newest revision again.")]


@dataclass(frozen=True)
class Handing:
    """What becomes of the change."""

    apply: Annotated[bool, typer.Option("--apply", help="Do it in the cluster. With GitOps, commit it instead.")] = (
        False
    )
    output: DataFormatOption = DataFormat.YAML


@dataclass(frozen=True, slots=True)
class _Change:
    """A merge patch, and what it does in a sentence."""

    patch: Object
    what: str


@grouped
def rollback(where: Where, handing: Handing, name: Name, to: To = None) -> None:
    """Go back to what an older revision said.

    Prints the change of the spec: commit it where the spec lives, or let --apply do it. Replicas, access, limits and
    calls stay as they are.

    \b
    plimsoll rollback chat
    plimsoll rollback chat --to 3 --apply
    """

    async def question(reached: Reached) -> _Change:
        from plimsoll.cli.history import numbered, revisions_of

        config = await reached.model_config(name)
        revisions = await revisions_of(reached, config)
        target = numbered(revisions, to or _last_good(config, revisions), name)
        change = _back_to(config, target)
        return await _applied(reached, name, change) if handing.apply else change

    _tell(asked(where, question), handing)


@grouped
def pin(where: Where, handing: Handing, name: Name, number: Number = None, clear: Clear = False) -> None:
    """Serve an older revision until it is unpinned.

    Prints the change of the spec: commit it where the spec lives, or let --apply do it.

    \b
    plimsoll pin chat 3
    plimsoll pin chat --clear --apply
    """
    from plimsoll.cli.exits import Unusable

    if (number is None) != clear:
        raise Unusable("pin wants a revision, or --clear", fix=f"write: plimsoll pin {name} 3, or pin {name} --clear")

    async def question(reached: Reached) -> _Change:
        from plimsoll.cli.history import numbered, revisions_of

        config = await reached.model_config(name)
        if number is not None:
            numbered(await revisions_of(reached, config), number, name)
        what = f"{name} serves its newest revision" if clear else f"{name} serves revision {number}, and stays there"
        change = _Change({"spec": {"pinRevision": number}}, what)
        return await _applied(reached, name, change) if handing.apply else change

    _tell(asked(where, question), handing)


def _last_good(config: Object, revisions: Sequence[Revision]) -> int:
    """What serves, where the newest does not or the spec says something else by now; else what served before."""
    from plimsoll.cli.exits import NotThere

    status = config.get("status") or {}
    serving = (status.get("currentRevision") or {}).get("number")
    for each in revisions:
        if each.number == serving and (each is not revisions[-1] or _difference(config["spec"], each)):
            return each.number
    if (previous := status.get("previousRevision")) is not None:
        return int(previous)
    name = config["metadata"]["name"]
    raise NotThere(
        f"no revision of {name} served before this one",
        fix=f"choose one that `plimsoll history {name}` lists, with --to",
    )


def _difference(spec: Object, target: Revision) -> Object:
    """Of all that makes revisions, as a merge patch."""
    from plimsoll.api.crd import part_at, structural_schema
    from plimsoll.api.normal import of_revision
    from plimsoll.api.parts import completed

    schema = part_at(structural_schema(), "spec")
    now, then = completed(spec, schema), completed(target.spec, schema)
    return merge_patch(of_revision(now), of_revision(then))


def _back_to(config: Object, target: Revision) -> _Change:
    patch = _difference(config["spec"], target)
    if "pinRevision" in config["spec"]:
        patch["pinRevision"] = None
    return _Change({"spec": patch}, f"{config['metadata']['name']} says again what revision {target.number} said")


def merge_patch(now: Mapping[str, Any], then: Mapping[str, Any]) -> Object:
    """The JSON merge patch (RFC 7386) that makes the one from the other; null takes a field away."""
    patch: Object = {key: None for key in now if key not in then}
    for key, value in then.items():
        known = now.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            if inner := merge_patch(known, value):
                patch[key] = inner
        elif key not in now or known != value:
            patch[key] = value
    return patch


def merged(now: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    made = {key: value for key, value in now.items() if not (key in patch and patch[key] is None)}
    for key, value in patch.items():
        if isinstance(value, dict):
            inner = made.get(key)
            made[key] = merged(inner if isinstance(inner, dict) else {}, value)
        elif value is not None:
            made[key] = value
    return made


async def _applied(reached: Reached, name: str, change: _Change) -> _Change:
    """Against the object as it is now: an edit in between is kept, not overwritten."""
    from plimsoll.cluster.errors import Conflict

    for left in reversed(range(_MOST_TRIES)):
        config = await reached.model_config(name)
        wanted = {**config, "spec": merged(config["spec"], change.patch["spec"])}
        if wanted == config:
            return replace(change, patch={"spec": {}})
        try:
            await reached.client.replace(wanted, manager=FIELD_MANAGER)
            break
        except Conflict:
            if not left:
                raise
    return change


def _tell(change: _Change, handing: Handing) -> None:
    from plimsoll.cli.output import line, note, structured, write

    if not change.patch["spec"]:
        note(f"nothing to do: {change.what}")
    elif handing.apply:
        line(f"done: {change.what}")
    else:
        note(f"# {change.what}. Commit this where the spec lives, or run it again with --apply:")
        write(structured(change.patch, handing.output))
