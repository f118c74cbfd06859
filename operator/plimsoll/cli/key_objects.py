"""ModelKeys as verbs read and change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.cli.reaching import FIELD_MANAGER, Object, Reached

if TYPE_CHECKING:
    from plimsoll.cli.key_answers import KeyAnswer

KeyName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a ModelKey.")]
Spec = dict[str, Any]
_MOST_TRIES = 5


async def read(reached: Reached, name: str) -> Object:
    from plimsoll.cluster.kinds import MODEL_KEY

    return await reached.client.get(MODEL_KEY, reached.namespace, name)


async def changed(reached: Reached, name: str, change: Callable[[Spec], Spec]) -> Object:
    """Against the object as it is now: an edit in between is kept, not overwritten."""
    from plimsoll.cluster.errors import Conflict

    tries = 0
    while True:
        known = await read(reached, name)
        wanted = {**known, "spec": change(known["spec"])}
        if wanted == known:
            return known
        tries += 1
        try:
            return await reached.client.replace(wanted, manager=FIELD_MANAGER)
        except Conflict:
            if tries == _MOST_TRIES:
                raise


def row(key: Object) -> KeyAnswer:
    from plimsoll.cli.getting import condition
    from plimsoll.cli.key_answers import KeyAnswer

    metadata, spec = key["metadata"], key["spec"]
    ready = condition(key, "Ready") or {}
    models = spec.get("models")
    return KeyAnswer(
        namespace=metadata["namespace"],
        name=metadata["name"],
        prefix=spec["prefix"],
        team=(key.get("status") or {}).get("team") or spec.get("team"),
        models=tuple(models) if models else None,
        suspended=bool(spec.get("suspended")),
        ready=ready.get("status"),
        reason=ready.get("reason"),
        message=ready.get("message"),
        expires_at=spec.get("expiresAt"),
        previous_valid_until=(spec.get("previous") or {}).get("validUntil"),
        created_at=metadata.get("creationTimestamp"),
    )
