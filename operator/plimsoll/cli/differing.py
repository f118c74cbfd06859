"""`plimsoll diff`: two ModelConfigs field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import Format, FormatOption
from plimsoll.cli.reaching import Object, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.cli.answers import DiffAnswer
    from plimsoll.plan.semantic_diff import Field

_LONGEST_CELL = 60
_REFERENCE = re.compile(r"(?:(?P<namespace>[a-z0-9-]+)/)?(?P<name>[a-z0-9.-]+)(?:@(?P<revision>[0-9]{1,10}))?")
_SIDE = "A file, - , a ModelConfig NAME, or its revision NAME@NUMBER."
Before = Annotated[str, typer.Argument(metavar="BEFORE", help=_SIDE)]
After = Annotated[str, typer.Argument(metavar="AFTER", help=_SIDE)]
OnlyChanges = Annotated[bool, typer.Option("--changes", help="Leave out the fields that are the same.")]


@grouped
def diff(
    where: Where, before: Before, after: After, changes: OnlyChanges = False, output: FormatOption = Format.TABLE
) -> None:
    """Compare two ModelConfigs field by field.

    Either side is a file, an object in the cluster or one of its revisions. Defaults, another order and another
    spelling of the same amount are no difference. Exit code 0 when they are the same, 1 when they differ.

    \b
    plimsoll diff development.yaml production.yaml
    plimsoll diff chat@3 chat@4
    plimsoll diff chat model.yaml --changes
    """
    from plimsoll.cli.exits import ExitCode
    from plimsoll.cli.output import structured, write
    from plimsoll.plan.semantic_diff import fields

    found = fields(*_specs(where, (before, after)))
    if output == Format.TABLE:
        _tell(found, _titles(before, after), changes)
    else:
        write(structured(_answer(found, before, after).data(), output))
    if any(field.differs for field in found):
        raise typer.Exit(ExitCode.NO)


def _specs(where: Where, sides: tuple[str, str]) -> list[Object]:
    """Files are read first: a cluster is asked only when one is needed."""
    specs = {side: _spec_in(side) for side in sides if _is_file(side)}
    wanted = {side: _reference(side) for side in sides if side not in specs}
    if wanted:
        specs |= asked(where, lambda reached: _specs_of(reached, wanted))
    return [specs[side] for side in sides]


def _is_file(side: str) -> bool:
    from plimsoll.cli.documents import ENDINGS, STANDARD_INPUT

    return side == STANDARD_INPUT or side.endswith(ENDINGS) or Path(side).exists()


def _reference(side: str) -> re.Match[str]:
    from plimsoll.cli.exits import Unusable

    found = _REFERENCE.fullmatch(side)
    if found is None:
        raise Unusable(
            f"{side} is no file, and no name of an object", fix="write a path, NAME, NAME@NUMBER or NAMESPACE/NAME"
        )
    return found


async def _specs_of(reached: Reached, wanted: Mapping[str, re.Match[str]]) -> dict[str, Object]:
    from plimsoll.api.normal import of_revision
    from plimsoll.cli.history import numbered, revisions_of

    specs: dict[str, Object] = {}
    for side, reference in wanted.items():
        there = replace(reached, namespace=reference["namespace"] or reached.namespace)
        config = await there.model_config(reference["name"])
        specs[side] = config["spec"]
        if reference["revision"]:
            revisions = await revisions_of(there, config)
            then = numbered(revisions, int(reference["revision"]), reference["name"]).spec
            # What no revision holds is as it is now, as it would be after going back.
            now = {key: value for key, value in config["spec"].items() if key not in of_revision(config["spec"])}
            specs[side] = {**now, **then}
    return specs


def _spec_in(side: str) -> Object:
    from plimsoll.api.validate import validate
    from plimsoll.cli.documents import read_documents
    from plimsoll.cli.exits import Unusable

    found = [document for document in read_documents(side) if document.is_model_config]
    if len(found) != 1:
        raise Unusable(f"{side} has {len(found)} ModelConfigs", fix="name a file that has exactly one")
    if problems := validate(found[0].object):
        first = problems[0]
        raise Unusable(
            f"{side} is no valid ModelConfig: {first.field}: {first.message}",
            fix=f"correct it; `plimsoll check {side}` shows every problem",
        )
    spec: Object = found[0].object["spec"]
    return spec


def _answer(found: Sequence[Field], before: str, after: str) -> DiffAnswer:
    from plimsoll.cli.answers import ChangeAnswer, DiffAnswer
    from plimsoll.plan.semantic_diff import ABSENT

    return DiffAnswer(
        before=before,
        after=after,
        changes=tuple(
            ChangeAnswer(
                path=field.path,
                **{
                    side: value
                    for side, value in (("before", field.before), ("after", field.after))
                    if value is not ABSENT
                },
            )
            for field in found
            if field.differs
        ),
        same=tuple(field.path for field in found if not field.differs),
    )


def _tell(found: Sequence[Field], titles: tuple[str, str], changes: bool) -> None:
    from plimsoll.cli.output import glyph, line, table

    differing = [field for field in found if field.differs]
    shown = differing if changes else found
    if shown:
        marks = {True: (glyph("→", "!"), "yellow"), False: (glyph("✓", "="), "green")}
        table(
            ("", "FIELD", *titles),
            [(marks[field.differs], field.path, _cell(field.before), _cell(field.after)) for field in shown],
        )
    same = len(found) - len(differing)
    line(f"{len(differing)} differ{'s' if len(differing) == 1 else ''}, {same} {'is' if same == 1 else 'are'} the same")


def _titles(before: str, after: str) -> tuple[str, str]:
    """The ends of paths are enough where they tell the two apart."""
    short = Path(before).name, Path(after).name
    return short if short[0] != short[1] else (before, after)


def _cell(value: Any) -> str:
    import json

    from plimsoll.plan.semantic_diff import ABSENT

    if value is ABSENT:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
