"""The routing document of the bench: everything that can be switched on is, and nothing of it is ever in the way."""

from __future__ import annotations

import hashlib

from plimsoll.routing.document import (
    SCHEMA,
    Access,
    Document,
    Endpoint,
    Hosted,
    Key,
    Model,
    Served,
    Timeouts,
    Version,
)
from plimsoll.routing.limits import Limits
from plimsoll.routing.policy import Generation

TEAM = "team-a"
MODEL = f"{TEAM}/boat"
# No secret: nobody but the gateway of this bench takes it.
KEY = "plm_abcdef" + "k" * 43
_MODELS, _KEYS = 20, 200
_LIMITS = Limits(requests=10**9, tokens=10**12, concurrency=10**6)
_POLICY = Generation(defaults={"temperature": 0.7}, maximum={"maxTokens": 4096, "temperature": 1.5})


def document(mock: int) -> Document:
    """One model of several, on the port of the mock, and one key of many that may call it."""
    models = [_model("boat", mock), *(_model(f"boat-{number}", mock) for number in range(1, _MODELS))]
    keys = [KEY, *(f"{KEY}{number}" for number in range(1, _KEYS))]
    return Document(
        schema=SCHEMA,
        version=Version(epoch=1, sequence=1),
        models={each.full_name: each for each in models},
        keys={hashlib.sha256(key.encode()).hexdigest(): _key(number) for number, key in enumerate(keys)},
        teams={TEAM: _LIMITS},
    )


def _model(name: str, mock: int) -> Model:
    address = f"127.0.0.1:{mock}"
    served = Served(
        revision=1,
        backend="llamacpp",
        target=name,
        upstream=Hosted(endpoints=(Endpoint(name=f"{name}-0", address=address),), service=address),
        context=131_072,
        parallel=1000,
        generation=_POLICY,
        limits=_LIMITS,
        on_disconnect="cancel",
        timeouts=Timeouts(connect=5.0, first_byte=30.0, idle=30.0, total=60.0),
    )
    return Model(namespace=TEAM, name=name, access=Access(namespaces=(TEAM,)), state=served)


def _key(number: int) -> Key:
    return Key(namespace=TEAM, name=f"app-{number}", team=TEAM, models=(f"{TEAM}/*",), limits=_LIMITS)
