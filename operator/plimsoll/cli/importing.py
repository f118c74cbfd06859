"""`plimsoll import`: what export wrote becomes objects again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.cli.carrying import counted, declared
from plimsoll.cli.grouping import grouped
from plimsoll.cli.reaching import FIELD_MANAGER, Object, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.cli.documents import Document

_AT_ONCE = 16
_MOST_NAMED = 5
Files = Annotated[list[str], typer.Argument(metavar="FILE", help="YAML or JSON files, folders, or - .")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite objects that say something else.")]


@grouped
def import_(where: Where, files: Files, force: Force = False) -> None:
    """Create ModelConfigs from files.

    Nothing is written unless every one is valid. An object that is there already and says something else is
    overwritten with --force only. With -n they all go into that namespace.

    \b
    plimsoll import models.yaml
    """
    from plimsoll.cli.documents import read_documents
    from plimsoll.cli.exits import Unusable
    from plimsoll.cli.output import line

    documents = [each for file in files for each in read_documents(file) if each.is_model_config]
    if not documents:
        raise Unusable(f"there is no ModelConfig in {', '.join(files)}", fix="name a file that export wrote")
    _refuse_invalid(documents)
    done = asked(where, lambda reached: _imported(reached, _placed(documents, where, reached), force=force))
    line(", ".join(f"{count} {word}" for word, count in done.items()))


def _refuse_invalid(documents: Sequence[Document]) -> None:
    from plimsoll.api.validate import validate
    from plimsoll.cli.exits import Failed

    for document in documents:
        if problems := validate(document.object):
            raise Failed(
                f"{document.place}: {document.name} is refused: {problems[0].field}: {problems[0].message}",
                fix="correct it; `plimsoll check` shows every problem. Nothing was written",
            )


def _placed(documents: Sequence[Document], where: Where, reached: Reached) -> list[Object]:
    """Each in its namespace; two that would become the same object are refused."""
    from plimsoll.cli.exits import Unusable

    placed: dict[tuple[str, str], Object] = {}
    for document in documents:
        config = declared(document.object)
        namespace = where.namespace or config["metadata"].get("namespace") or reached.namespace
        config["metadata"] = {**config["metadata"], "namespace": namespace}
        key = (namespace, document.name)
        if key in placed:
            raise Unusable(f"{namespace}/{document.name} stands twice in the files", fix="remove or rename one")
        placed[key] = config
    return list(placed.values())


async def _imported(reached: Reached, wanted: Sequence[Object], *, force: bool) -> dict[str, int]:
    """Looks at everything before it writes anything."""
    found = await _existing(reached, {config["metadata"]["namespace"] for config in wanted})
    new: list[Object] = []
    other: list[Object] = []
    for config in wanted:
        there = found.get(_key(config))
        if there is None:
            new.append(config)
        elif not _says(there, config):
            other.append(_in_place_of(there, config))
    if other and not force:
        _refuse_others(other)
    await _all_of(reached.client.create, new)
    await _all_of(reached.client.replace, other)
    return {"created": len(new), "overwritten": len(other), "unchanged": len(wanted) - len(new) - len(other)}


async def _existing(reached: Reached, namespaces: set[str]) -> dict[tuple[str, str], Object]:
    found = [config for each in sorted(namespaces) for config in await replace(reached, namespace=each).model_configs()]
    return {_key(config): config for config in found}


async def _all_of(write: Callable[..., Awaitable[Object]], configs: Sequence[Object]) -> None:
    """Some at a time; the first that fails ends it, and to run it again goes on from there."""
    import asyncio

    places = asyncio.Semaphore(_AT_ONCE)

    async def one(config: Object) -> None:
        async with places:
            await write(config, manager=FIELD_MANAGER)

    await asyncio.gather(*(one(config) for config in configs))


def _says(found: Object, wanted: Object) -> bool:
    from plimsoll.api.crd import part_at, structural_schema
    from plimsoll.api.parts import completed

    schema = part_at(structural_schema(), "spec")
    one, other = declared(found), declared(wanted)
    same: bool = completed(one["spec"], schema) == completed(other["spec"], schema)
    return same and one["metadata"] == other["metadata"]


def _in_place_of(found: Object, wanted: Object) -> Object:
    """What was written changes; owners, finalizers and the identity of the object stay."""
    written_ones = {key: wanted["metadata"].get(key) or {} for key in ("labels", "annotations")}
    return {**found, "metadata": {**found["metadata"], **written_ones}, "spec": wanted["spec"]}


def _refuse_others(others: Sequence[Mapping[str, Any]]) -> None:
    from plimsoll.cli.exits import Failed

    names = [f"{namespace}/{name}" for namespace, name in map(_key, others)]
    told = ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )
    raise Failed(
        f"{counted(len(names))} already there, saying something else: {told}",
        fix="compare with `plimsoll diff NAME FILE`, then overwrite with --force. Nothing was written",
    )


def _key(config: Mapping[str, Any]) -> tuple[str, str]:
    return config["metadata"]["namespace"], config["metadata"]["name"]
