"""What differs between two routing documents, entry by entry, and how a gateway follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, TypeVar

from msgspec import Meta
from msgspec.structs import replace

from plimsoll.errors import UserError
from plimsoll.routing.document import SCHEMA, Document, Key, Model, Version
from plimsoll.routing.entry import Entry
from plimsoll.routing.limits import Limits


class ModelChange(Entry, frozen=True, kw_only=True, tag="model", tag_field="kind"):
    name: str  # namespace/name
    entry: Model | None  # None: it is gone


class KeyChange(Entry, frozen=True, kw_only=True, tag="key", tag_field="kind"):
    name: str  # the SHA-256 of the key
    entry: Key | None


class TeamChange(Entry, frozen=True, kw_only=True, tag="team", tag_field="kind"):
    name: str
    entry: Limits | None


class GatewaysChange(Entry, frozen=True, kw_only=True, tag="gateways", tag_field="kind"):
    entry: int


Change = ModelChange | KeyChange | TeamChange | GatewaysChange


class Update(Entry, frozen=True, kw_only=True, tag="update", tag_field="message"):
    """What turns the document before this version into the one of this version."""

    schema: Annotated[int, Meta(ge=1)]
    version: Version
    changes: tuple[Change, ...]


class SchemaTooNew(UserError):
    """Nothing of such a document is used: what cannot be read may be a restriction."""

    def __init__(self, schema: int) -> None:
        super().__init__(
            f"the routing document has schema {schema}, and this gateway reads up to {SCHEMA}",
            fix="roll the gateways out in the version of the operator; they serve what they know until then",
        )
        self.schema = schema


class Gap(Exception):
    """Something was missed between what is known and what came: ask for the whole document."""

    def __init__(self, known: Version, received: Version) -> None:
        super().__init__(f"{received} does not follow {known}")


def check_schema(schema: int) -> None:
    if schema > SCHEMA:
        raise SchemaTooNew(schema)


def difference(old: Document, new: Document) -> list[Change]:
    """What has to change in `old` so that it says what `new` says; the versions are not compared."""
    changes: list[Change] = [
        *_differing(old.models, new.models, lambda name, entry: ModelChange(name=name, entry=entry)),
        *_differing(old.keys, new.keys, lambda name, entry: KeyChange(name=name, entry=entry)),
        *_differing(old.teams, new.teams, lambda name, entry: TeamChange(name=name, entry=entry)),
    ]
    if old.gateways != new.gateways:
        changes.append(GatewaysChange(entry=new.gateways))
    return changes


def update_between(old: Document, new: Document) -> Update | None:
    """The message that brings a gateway from `old` to `new`; None when they say the same."""
    changes = tuple(difference(old, new))
    return Update(schema=SCHEMA, version=new.version, changes=changes) if changes else None


def newer(known: Document | None, received: Document) -> Document:
    """Of two whole documents the one to serve. Raises SchemaTooNew."""
    check_schema(received.schema)
    return received if known is None or received.version > known.version else known


def apply(document: Document, update: Update) -> Document:
    """The document with the update in it, or as it was when it has it already. Raises SchemaTooNew and Gap."""
    check_schema(update.schema)
    if update.version <= document.version:
        return document
    if update.version != document.version.next():
        raise Gap(document.version, update.version)
    return changed(document, update.changes, update.version)


def changed(document: Document, changes: Iterable[Change], version: Version) -> Document:
    """A new document; whoever still serves by the old one sees nothing of it."""
    models, keys, teams = dict(document.models), dict(document.keys), dict(document.teams)
    gateways = document.gateways
    for change in changes:
        if isinstance(change, ModelChange):
            _put(models, change.name, change.entry)
        elif isinstance(change, KeyChange):
            _put(keys, change.name, change.entry)
        elif isinstance(change, TeamChange):
            _put(teams, change.name, change.entry)
        else:
            gateways = change.entry
    return replace(document, version=version, gateways=gateways, models=models, keys=keys, teams=teams)


Kept = TypeVar("Kept")


def _put(entries: dict[str, Kept], name: str, entry: Kept | None) -> None:
    if entry is None:
        entries.pop(name, None)
    else:
        entries[name] = entry


def _differing(
    old: Mapping[str, Kept], new: Mapping[str, Kept], make: Callable[[str, Kept | None], Change]
) -> Iterator[Change]:
    for name, entry in new.items():
        before = old.get(name)
        # Whoever compiles keeps the entries of what has not changed, so most of them are the very same.
        if before is not entry and before != entry:
            yield make(name, entry)
    for name in old:
        if name not in new:
            yield make(name, None)
