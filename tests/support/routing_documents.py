"""Routing documents for tests: small ones by hand, any by chance, and a large one like that of a big company."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import strategies as st

from plimsoll.routing.document import (
    SCHEMA,
    Access,
    Document,
    Down,
    Endpoint,
    Hosted,
    Key,
    Model,
    Provider,
    Served,
    Timeouts,
    Version,
)
from plimsoll.routing.entry import Secret
from plimsoll.routing.limits import Limits
from plimsoll.routing.policy import Example, Generation, Prompt

FIRST = Version(epoch=1, sequence=1)
TIMEOUTS = Timeouts(connect=5.0, first_byte=30.0, idle=30.0, total=30.0)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def served(**changes: Any) -> Served:
    """A model that one pod serves."""
    usual: dict[str, Any] = {
        "revision": 1,
        "backend": "llamacpp",
        "target": "chat",
        "upstream": Hosted(
            endpoints=(Endpoint(name="chat-0", address="10.0.0.1:8080"),), service="chat.team-a.svc:8080"
        ),
        "context": 4096,
        "parallel": 1,
        "on_disconnect": "cancel",
        "timeouts": TIMEOUTS,
    }
    return Served(**{**usual, **changes})


def model(full_name: str = "team-a/chat", state: Served | Down | None = None, **changes: Any) -> Model:
    """Open to its own namespace."""
    namespace, name = full_name.split("/")
    usual = {"access": Access(namespaces=(namespace,)), "state": state or served(target=name)}
    return Model(namespace=namespace, name=name, **{**usual, **changes})


def key(full_name: str = "team-a/app", **changes: Any) -> Key:
    namespace, name = full_name.split("/")
    return Key(namespace=namespace, name=name, **{"team": namespace, "models": ("*/*",), **changes})


def document(*models: Model, version: Version = FIRST, **changes: Any) -> Document:
    usual: dict[str, Any] = {"models": {each.full_name: each for each in models}, "keys": {}, "teams": {}}
    return Document(schema=SCHEMA, version=version, **{**usual, **changes})


def large_document(models: int = 1000, keys: int = 5000) -> Document:
    """With prompts, pods and limits as a company would have them."""
    made = (_large_model(number) for number in range(models))
    return document(
        *made,
        keys={digest_of(f"key {number}"): _large_key(number) for number in range(keys)},
        teams={f"team-{number}": Limits(tokens=1_000_000, concurrency=100) for number in range(50)},
        gateways=3,
    )


def _large_model(number: int) -> Model:
    endpoints = tuple(
        Endpoint(name=f"m{number}-{pod}", address=f"10.{number // 250}.{number % 250}.{pod}:8080") for pod in range(3)
    )
    namespace, name = f"team-{number % 50}", f"model-{number}"
    return model(
        f"{namespace}/{name}",
        served(
            revision=number % 20 + 1,
            target=name,
            upstream=Hosted(endpoints=endpoints, service=f"{name}.{namespace}.svc:8080"),
            generation=Generation(defaults={"temperature": 0.7}, maximum={"maxTokens": 1024}, locked=("temperature",)),
            prompt=Prompt(role="default", system=f"You help team {number}. " * 20, answer_prefix="Assistant:"),
            limits=Limits(requests=600, concurrency=16, when_full="wait", queue=100),
        ),
    )


def _large_key(number: int) -> Key:
    return key(f"team-{number % 50}/key-{number}", limits=Limits(requests=60), expires_at=1_900_000_000)


_NAMES = st.sampled_from(["a", "b", "chat", "embed", "x-1"])
_NUMBERS = st.integers(min_value=1, max_value=2**40)
_SECONDS = st.floats(min_value=0.5, max_value=86_400)
_TEXTS = st.text(max_size=12)
_SOME_NUMBERS = st.dictionaries(st.sampled_from(["temperature", "topK"]), st.integers(0, 9) | st.floats(0, 2))
LIMITS = st.builds(
    Limits,
    requests=st.none() | _NUMBERS,
    tokens=st.none() | _NUMBERS,
    window_seconds=_SECONDS,
    concurrency=st.none() | _NUMBERS,
    when_full=st.sampled_from(["refuse", "wait"]),
    queue=st.integers(0, 1000),
)
_UPSTREAMS = st.builds(
    Hosted,
    endpoints=st.lists(st.builds(Endpoint, name=_NAMES, address=_TEXTS, draining=st.booleans()), max_size=2).map(tuple),
    service=_TEXTS,
) | st.builds(Provider, base_url=_TEXTS, credential=st.none() | st.builds(Secret, _TEXTS))
_SERVED = st.builds(
    Served,
    revision=_NUMBERS,
    backend=st.sampled_from(["llamacpp", "vllm", "openai", "openai-compatible"]),
    target=_TEXTS,
    upstream=_UPSTREAMS,
    context=st.none() | _NUMBERS,
    parallel=st.none() | _NUMBERS,
    generation=st.builds(
        Generation,
        defaults=st.dictionaries(
            st.sampled_from(["temperature", "stop"]), st.floats(0, 2) | st.lists(_TEXTS, max_size=2).map(tuple)
        ),
        minimum=_SOME_NUMBERS,
        maximum=_SOME_NUMBERS,
        locked=st.lists(_NAMES, max_size=2).map(tuple),
    ),
    prompt=st.none()
    | st.builds(
        Prompt,
        role=_TEXTS,
        lock_system=st.booleans(),
        system=st.none() | _TEXTS,
        frame=st.none() | _TEXTS,
        answer_prefix=_TEXTS,
        examples=st.lists(st.builds(Example, user=_TEXTS, answer=_TEXTS), max_size=2).map(tuple),
    ),
    limits=LIMITS,
    on_disconnect=st.sampled_from(["cancel", "drain"]),
    timeouts=st.builds(Timeouts, connect=_SECONDS, first_byte=_SECONDS, idle=_SECONDS, total=_SECONDS),
)
_MODELS = st.builds(
    Model,
    namespace=_NAMES,
    name=_NAMES,
    access=st.builds(Access, everyone=st.booleans(), namespaces=st.lists(_NAMES, max_size=2).map(tuple)),
    state=_SERVED | st.builds(Down, reason=_TEXTS, message=_TEXTS),
)
_KEYS = st.builds(
    Key,
    name=_NAMES,
    namespace=_NAMES,
    team=_NAMES,
    models=st.lists(_NAMES, max_size=2).map(tuple),
    limits=LIMITS,
    expires_at=st.none() | _NUMBERS,
    suspended=st.booleans(),
    valid_until=st.none() | _NUMBERS,
)
VERSIONS = st.builds(Version, epoch=st.integers(0, 5), sequence=st.integers(0, 5))
DOCUMENTS = st.builds(
    Document,
    schema=st.just(SCHEMA),
    version=VERSIONS,
    gateways=st.integers(1, 9),
    models=st.dictionaries(_NAMES, _MODELS, max_size=3),
    keys=st.dictionaries(_NAMES, _KEYS, max_size=3),
    teams=st.dictionaries(_NAMES, LIMITS, max_size=3),
)
