"""`plimsoll get`: the models of a namespace in a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import NamedFormat, NamedFormatOption
from plimsoll.cli.reaching import AllNamespaces, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.cli.answers import ModelAnswer
    from plimsoll.cli.output import Cell

Object = dict[str, Any]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Default: every ModelConfig.")]


@grouped
def get(
    where: Where, names: Names = None, everywhere: AllNamespaces = False, output: NamedFormatOption = NamedFormat.TABLE
) -> None:
    """List models and whether they are ready.

    \b
    plimsoll get
    plimsoll get -A -o json
    """
    from plimsoll.cli.answers import ListAnswer
    from plimsoll.cli.output import line, structured, write

    async def question(reached: Reached) -> list[Object]:
        if not names:
            return await reached.model_configs(everywhere=everywhere)
        return [await reached.model_config(name) for name in names]

    found = sorted(map(row, asked(where, question)), key=lambda model: (model.namespace, model.name))
    if output == NamedFormat.TABLE:
        _tell(found, everywhere=everywhere)
    elif output == NamedFormat.NAME:
        for model in found:
            line(reference(model.name))
    else:
        write(structured(ListAnswer(items=tuple(found)).data(), output))


def reference(name: str) -> str:
    """As kubectl names an object, so that either reads what the other prints."""
    from plimsoll.api.names import GROUP, SINGULAR

    return f"{SINGULAR}.{GROUP}/{name}"


def row(config: Object) -> ModelAnswer:
    from plimsoll.cli.answers import ModelAnswer

    metadata, status = config["metadata"], config.get("status") or {}
    ready = condition(config, "Ready") or {}
    return ModelAnswer(
        namespace=metadata["namespace"],
        name=metadata["name"],
        ready=ready.get("status"),
        reason=ready.get("reason"),
        message=ready.get("message"),
        model=status.get("model"),
        engine=status.get("engine"),
        hardware=status.get("hardware"),
        replicas=status.get("replicas"),
        revision=(status.get("currentRevision") or {}).get("number"),
        url=status.get("url"),
        created_at=metadata.get("creationTimestamp"),
    )


def condition(config: Object, kind: str) -> Object | None:
    found: list[Object] = (config.get("status") or {}).get("conditions") or []
    return next((each for each in found if each.get("type") == kind), None)


def _tell(models: Sequence[ModelAnswer], *, everywhere: bool) -> None:
    from plimsoll.api.columns import COLUMNS
    from plimsoll.cli.output import note, squeezed, table

    if not models:
        note("there is no ModelConfig here; plimsoll get -A looks everywhere")
        return
    titles = ["NAME", *(name.upper() for name, _, _ in COLUMNS)]
    now = datetime.now(UTC)
    rows = [_cells(model, now) for model in models]
    if everywhere:
        titles.insert(0, "NAMESPACE")
        rows = [[model.namespace, *cells] for model, cells in zip(models, rows, strict=True)]
    table(*squeezed(titles, rows, spare=("URL", "ENGINE", "HARDWARE", "REPLICAS"), cut="MODEL"))


def _cells(model: ModelAnswer, now: datetime) -> list[Cell]:
    from plimsoll.cli.output import colour_of
    from plimsoll.cli.times import age

    known = (model.reason, model.model, model.engine, model.hardware, model.replicas, model.revision, model.url)
    told = ["-" if value is None else str(value) for value in known]
    return [model.name, (model.ready or "-", colour_of(model.ready)), *told, age(model.created_at, now)]
