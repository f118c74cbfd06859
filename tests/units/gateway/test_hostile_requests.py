"""G-04, G-05: whatever comes, it goes on or it is refused with a 4xx; nothing else happens."""

import random
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.cost.record import Operation
from plimsoll.gateway.backends import BACKENDS
from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.policy import locking
from plimsoll.gateway.reading import read
from plimsoll.gateway.request import request_of
from plimsoll.routing.policy import Generation
from tests.support.asked import goes_on, role, served
from tests.support.damaged_bodies import damaged
from tests.support.form import Form

OPERATIONS = get_args(Operation)
_GENERATION = Generation(
    defaults={"temperature": 0.5, "stop": ("x",)}, maximum={"maxTokens": 9, "topK": 5}, locked=("seed",)
)
_PROMPTS = (None, role("S", "{system}\n{user}"), role("S", "{system}\n{user}", ("a", "b"), lock_system=True))
SERVED = [served(backend, _GENERATION, prompt) for backend in BACKENDS for prompt in _PROMPTS]

_ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    "role",
    "content",
    "type",
    "text",
    "tool_calls",
    "function",
    "name",
    "id",
    "parameters",
    "reasoning",
    "image_url",
)
_NODES = st.recursive(
    _ANY | st.sampled_from(("user", "assistant", "tool", "system", "text", "function")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=12,
)
_MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(("user", "assistant", "tool"))}, optional=dict.fromkeys(_KEYS[1:], _NODES)
    ),
    min_size=1,
    max_size=3,
)
_FIELDS = sorted(locking._CHAT | {"prompt", "input", "echo"})


def outcome(operation: Operation, raw: bytes) -> None:
    told: list[ApiError] = []
    for by in SERVED:
        try:
            sent = goes_on(request_of(operation, read(raw)), by).body
        except ApiError as error:
            told.append(error)
        else:
            assert isinstance(orjson.loads(sent), dict)
    assert all(400 <= each.status < 500 and orjson.loads(each.body("req-1")) for each in told)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(OPERATIONS), st.dictionaries(st.sampled_from(_FIELDS), _NODES, max_size=4), _MESSAGES)
def test_fields_of_every_kind_go_on_or_are_refused(operation: Operation, fields: dict[str, Any], said: Any) -> None:
    subject = {"model": "m", "prompt": "?", "input": "?"}
    outcome(operation, orjson.dumps({**subject, "messages": said, **fields}))
    outcome(operation, orjson.dumps({**subject, **fields}))
    outcome("chat", orjson.dumps({"model": "m", "messages": said, **fields}))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_g_04_damaged_requests_go_on_or_are_refused(operation: Operation, form: Form) -> None:
    rng, told = random.Random(form.seed), []
    for raw in damaged(form.seed, form.count(small=1000, large=20_000)):
        by = rng.choice(SERVED)
        try:
            goes_on(request_of(operation, read(raw)), by)
        except ApiError as error:
            told.append(error.status)
    assert told
    assert all(400 <= each < 500 for each in told)
