"""`plimsoll history`: the revisions of a model, and what each of them changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import NamedFormat, NamedFormatOption
from plimsoll.cli.reaching import Name, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.cli.answers import HistoryAnswer, RevisionAnswer
    from plimsoll.plan.revision import Revision

Object = dict[str, Any]
_MOST_TOLD = 3


@grouped
def history(where: Where, name: Name, output: NamedFormatOption = NamedFormat.TABLE) -> None:
    """Show a model's revisions and what they changed.

    \b
    plimsoll history chat
    """
    from plimsoll.cli.output import line, structured, write

    async def question(reached: Reached) -> HistoryAnswer:
        config = await reached.model_config(name)
        return answer_of(config, await revisions_of(reached, config))

    found = asked(where, question)
    if output == NamedFormat.TABLE:
        _tell(found)
    elif output == NamedFormat.NAME:
        for revision in found.revisions:
            line(f"{name}@{revision.number}")
    else:
        write(structured(found.data(), output))


async def revisions_of(reached: Reached, config: Object) -> tuple[Revision, ...]:
    """Those that are kept, the oldest first."""
    from plimsoll.api.names import LABEL_MODELCONFIG
    from plimsoll.cluster.kinds import REVISION
    from plimsoll.plan.history import read_history

    name = config["metadata"]["name"]
    stored = await reached.client.list(REVISION, reached.namespace, f"{LABEL_MODELCONFIG}={name}")
    return read_history(config, stored)


def numbered(revisions: Sequence[Revision], number: int, name: str) -> Revision:
    """The one with this number; NotThere tells which there are."""
    from plimsoll.cli.exits import NotThere

    for revision in revisions:
        if revision.number == number:
            return revision
    known = ", ".join(str(revision.number) for revision in revisions) or "none yet"
    raise NotThere(f"{name} has no revision {number}", fix=f"take one that is kept: {known}")


def answer_of(config: Object, revisions: Sequence[Revision]) -> HistoryAnswer:
    from plimsoll.cli.answers import HistoryAnswer

    before = [None, *revisions[:-1]]
    rows = [_row(config, revision, previous) for revision, previous in zip(revisions, before, strict=False)]
    metadata = config["metadata"]
    return HistoryAnswer(namespace=metadata["namespace"], name=metadata["name"], revisions=tuple(reversed(rows)))


def _row(config: Object, revision: Revision, previous: Revision | None) -> RevisionAnswer:
    from plimsoll.cli.answers import RevisionAnswer
    from plimsoll.plan.semantic_diff import differences

    current = (config.get("status") or {}).get("currentRevision") or {}
    declared = revision.declared
    return RevisionAnswer(
        number=revision.number,
        serving=current.get("number") == revision.number,
        pinned=config["spec"].get("pinRevision") == revision.number,
        accepted_at=revision.accepted_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        author=revision.author,
        git_revision=revision.git_revision,
        behaviour=revision.behaviour,
        workload=declared.hash if declared else None,
        image=declared.image if declared else None,
        changed=tuple(each.path for each in differences(previous.spec, revision.spec)) if previous else (),
    )


def _tell(found: HistoryAnswer) -> None:
    from plimsoll.cli.output import note, table
    from plimsoll.cli.times import age

    if not found.revisions:
        note(f"{found.name} has no revision yet: plimsoll status {found.name} says what it waits for")
        return
    now = datetime.now(UTC)
    table(
        ("REVISION", "", "ACCEPTED", "AUTHOR", "GIT", "CHANGED"),
        [
            (
                str(each.number),
                (", ".join(_marks(each)), "green"),
                f"{age(each.accepted_at, now)} ago",
                each.author or "-",
                (each.git_revision or "-")[:12],
                _changed(each.changed),
            )
            for each in found.revisions
        ],
    )


def _marks(revision: RevisionAnswer) -> list[str]:
    return [word for word, holds in (("serves", revision.serving), ("pinned", revision.pinned)) if holds]


def _changed(paths: Sequence[str]) -> str:
    told = ", ".join(paths[:_MOST_TOLD]) or "-"
    return told if len(paths) <= _MOST_TOLD else f"{told} and {len(paths) - _MOST_TOLD} more"
