"""`plimsoll key create` and `rotate`: a key is made here, shown once, and kept by nobody but its hash."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from plimsoll.cli.grouping import grouped
from plimsoll.cli.key_objects import KeyName, Spec
from plimsoll.cli.key_showing import NewKey, Showing
from plimsoll.cli.reaching import FIELD_MANAGER, Object, Reached, Where, asked


class WhenFull(StrEnum):
    REFUSE = "refuse"
    WAIT = "wait"


@dataclass(frozen=True)
class Opens:
    """Who is charged, and for what."""

    team: Annotated[str | None, typer.Option("--team", help="Who is charged. Default: the namespace's own.")] = None
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            help="What it may call: name, namespace/name or a pattern with *; can be repeated or have commas. "
            "Default: every model that admits the namespace.",
        ),
    ] = None
    expires_in: Annotated[
        str | None,
        typer.Option("--expires-in", help="It opens nothing after this, such as 90d or 12h. Default: never."),
    ] = None

    def spec(self, now: datetime) -> Spec:
        from plimsoll.cli.times import lifetime

        models = [name.strip() for given in self.models or () for name in given.split(",")]
        found = {
            "team": self.team,
            "models": models or None,
            "expiresAt": moment(now + lifetime(self.expires_in)) if self.expires_in is not None else None,
        }
        return _given(found)


@dataclass(frozen=True)
class Limits:
    """How much may be called with it."""

    requests: Annotated[int | None, typer.Option("--requests", help="Most requests in a window.")] = None
    tokens: Annotated[int | None, typer.Option("--tokens", help="Most tokens in a window, of prompts and answers.")] = (
        None
    )
    window: Annotated[str | None, typer.Option("--window", help="Length of the window, up to 1h. Default: 1m.")] = None
    concurrency: Annotated[int | None, typer.Option("--concurrency", help="Most requests at the same time.")] = None
    when_full: Annotated[
        WhenFull | None, typer.Option("--when-full", help="A request over a limit. Default: it is refused with 429.")
    ] = None
    queue: Annotated[
        int | None, typer.Option("--queue", help="Most requests that wait, with --when-full wait. Default: 100.")
    ] = None

    def spec(self) -> Spec:
        limits = _given(
            {
                "requests": self.requests,
                "tokens": self.tokens,
                "window": self.window,
                "concurrency": self.concurrency,
                "whenFull": self.when_full and self.when_full.capitalize(),
                "queue": self.queue,
            }
        )
        return {"limits": limits} if limits else {}


Overlap = Annotated[
    str, typer.Option("--overlap", help="How long the old key is valid beside the new one. 0s: not any more.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Also while the key before is still valid from the last time; it ends at once.")
]


@grouped
def create(where: Where, name: KeyName, opens: Opens, limits: Limits, showing: Showing) -> None:
    """Make a key, and show it once.

    The key goes to the standard output, everything else to the standard error. The cluster gets its hash. Ends when
    the operator has accepted it: exit code 4 when it did not in time, 5 when it refused.

    \b
    export PLIMSOLL_API_KEY=$(plimsoll key create app -o plain)
    plimsoll key create app --models chat,team-b/* --requests 600 --expires-in 90d
    plimsoll key create app --manifest app-key.yaml
    """
    showing.check()
    plain, spec = _new_key()
    document = _document(name, where.namespace, {**spec, **opens.spec(datetime.now(UTC)), **limits.spec()})
    _refuse_what_the_server_refuses(document)
    if showing.manifest is None:
        document = asked(where, lambda reached: _created(reached, document))
    showing.show(NewKey(plain, document), where)


@grouped
def rotate(where: Where, name: KeyName, showing: Showing, overlap: Overlap = "24h", force: Force = False) -> None:
    """Replace a key; the old one stays valid for a time.

    The new key is shown once, as by create. What the key opens, its team and its limits stay.

    \b
    plimsoll key rotate app
    plimsoll key rotate app --overlap 7d
    """
    from plimsoll.cli.times import lifetime

    showing.check()
    plain, spec = _new_key()
    rotation = _Rotation(spec, datetime.now(UTC), lifetime(overlap), force=force)

    async def question(reached: Reached) -> Object:
        from plimsoll.cli.carrying import declared
        from plimsoll.cli.key_objects import changed, read

        if showing.manifest is not None:
            known = await read(reached, name)
            return declared({**known, "spec": rotation.of(known["spec"])})
        written = changed(reached, name, rotation.of)
        return await _also_if_unheard(reached, name, spec["hash"], written)

    showing.show(NewKey(plain, asked(where, question)), where)


@dataclass
class _Rotation:
    """What a spec becomes. It replaces one key only: the one that was there when it was first asked."""

    new: Spec
    now: datetime
    overlap: timedelta
    force: bool
    replaced: str | None = None

    def of(self, spec: Spec) -> Spec:
        from plimsoll.cli.exits import Failed

        previous = spec.get("previous")
        if self.replaced not in (None, spec["hash"]):
            raise Failed(
                "somebody else has made a new key for it at the same time",
                fix="run this again if you still want another one",
            )
        if previous and not self.force and datetime.fromisoformat(previous["validUntil"]) > self.now:
            raise Failed(
                f"the key before this one is valid until {previous['validUntil']}, and would end now",
                fix="wait until nobody uses it any more, or end it with --force",
            )
        self.replaced = spec["hash"]
        made = {key: value for key, value in spec.items() if key != "previous"} | self.new
        if self.overlap:
            made["previous"] = {"hash": spec["hash"], "validUntil": moment(self.now + self.overlap)}
        return made


def _new_key() -> tuple[str, Spec]:
    """The key, and what a spec says of it."""
    import secrets
    from string import ascii_letters, digits

    from plimsoll.api.plain_key import PREFIX_LENGTH, RANDOM_BYTES, hash_of, make_key

    prefix = "".join(secrets.choice(ascii_letters + digits) for _ in range(PREFIX_LENGTH))
    plain = make_key(prefix, secrets.token_bytes(RANDOM_BYTES))
    return plain, {"hash": hash_of(plain.encode()), "prefix": prefix}


def _document(name: str, namespace: str | None, spec: Spec) -> Object:
    from plimsoll.api.kinds import MODEL_KEY
    from plimsoll.api.names import API_VERSION

    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": API_VERSION, "kind": MODEL_KEY.name, "metadata": metadata, "spec": spec}


def _refuse_what_the_server_refuses(document: Object) -> None:
    from plimsoll.api.kinds import MODEL_KEY
    from plimsoll.api.validate import validate
    from plimsoll.cli.exits import Unusable

    if problems := validate(document, MODEL_KEY):
        first = problems[0]
        raise Unusable(f"{first.field}: {first.message.partition(': ')[0]}", fix=first.fix)


async def _created(reached: Reached, document: Object) -> Object:
    from plimsoll.cli.exits import Failed
    from plimsoll.cluster.errors import Conflict

    metadata = document["metadata"]
    name = metadata["name"]
    wanted = {**document, "metadata": {**metadata, "namespace": reached.namespace}}
    written = reached.client.create(wanted, manager=FIELD_MANAGER)
    try:
        return await _also_if_unheard(reached, name, document["spec"]["hash"], written)
    except Conflict:
        raise Failed(
            f"there is a ModelKey {reached.namespace}/{name} already, and nobody can show its key again",
            fix=f"choose another name, or make it a new key: plimsoll key rotate {name}",
        ) from None


async def _also_if_unheard(reached: Reached, name: str, digest: str, written: Awaitable[Object]) -> Object:
    """What was stored although no answer came: else the only key to it would be thrown away."""
    from plimsoll.cli.key_objects import read
    from plimsoll.cluster.errors import Unavailable

    try:
        return await written
    except Unavailable:
        found = await read(reached, name)
        if found["spec"]["hash"] != digest:
            raise
        return found


def moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _given(values: Spec) -> Spec:
    return {name: value for name, value in values.items() if value is not None}
