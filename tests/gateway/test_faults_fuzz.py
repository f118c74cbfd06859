"""G-04, G-05: whatever comes to a real gateway, it answers or refuses, never fails, and is there for the next one.

In all: 20,000 bodies in the short form, a million in the long one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

from plimsoll.routing.document import Document
from plimsoll.routing.limits import Limits
from tests.support import byte_fuzz
from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.form import Form
from tests.support.gateways import KEY, GatewayProcess, hosted
from tests.support.routing_documents import digest_of, document, key, model
from tests.support.scenes import running
from tests.support.waiting import wait_until

_SCHEMA = Path(__file__).resolve().parents[1] / "support" / "gateway_openapi.yaml"
_FOUND: Any = schemathesis.openapi.from_dict(yaml.safe_load(_SCHEMA.read_text())).get_all_operations()
OPERATIONS = {f"{each.ok().method} {each.ok().path}": each.ok() for each in _FOUND}
WAYS = [
    (name, mode)
    for name in OPERATIONS
    for mode in GenerationMode
    # In the list of models there is nothing that could be wrong.
    if (name, mode) != ("get /v1/models", GenerationMode.NEGATIVE)
]
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
]
LONG = pytest.mark.timeout(4 * 3600)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream("llamacpp", tmp_path_factory.mktemp("upstream")) as found:
        yield found


def routed(upstream: CountingUpstream) -> Document:
    # The limit comes after everything that reads and changes a request: of a million only some are carried.
    served = hosted(upstream, limits=Limits(requests=2000, window_seconds=60))
    return document(model("team/small", served), keys={digest_of(KEY): key("team/app")})


@pytest.fixture(scope="module")
def gateway(upstream: CountingUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with running(routed(upstream), tmp_path_factory.mktemp("gateway")) as found:
        yield found


@pytest.fixture
def hasty(upstream: CountingUpstream, tmp_path: Path) -> Iterator[GatewayProcess]:
    """One that does not wait for long for what never comes."""
    with running(routed(upstream), tmp_path, "--head-seconds=1", "--body-seconds=1") as found:
        yield found


def judged(gateway: GatewayProcess, told: Counter[int]) -> None:
    assert not [status for status in told if status >= 500], told
    assert gateway.alive
    assert gateway.get("/ready")[0] == 200
    wait_until(lambda: gateway.metric("plimsoll_inflight_requests") == 0, 20, "nothing is inside")


@LONG
@pytest.mark.parametrize("part", range(4))
def test_g04_damaged_bodies_are_answered_or_refused(gateway: GatewayProcess, form: Form, part: int) -> None:
    count = form.count(small=4600, large=235_000)
    told = asyncio.run(
        byte_fuzz.statuses(gateway.port, byte_fuzz.requests_with_damaged_bodies(form.seed + part, count))
    )
    assert told.total() == count
    assert not told[byte_fuzz.CLOSED]
    # Beyond the limit, what would have been answered is 429.
    assert told[200] + told[429]
    assert told[400] > count / 10
    judged(gateway, told)


@LONG
def test_g04_damaged_heads_are_answered_refused_or_closed(hasty: GatewayProcess, form: Form) -> None:
    count = form.count(small=1060, large=46_500)
    found = byte_fuzz.requests_with_damaged_heads(form.seed, count)
    told = asyncio.run(byte_fuzz.statuses(hasty.port, found, connections=50))
    assert told.total() == count
    assert told[200] + told[429]
    assert told[400]
    judged(hasty, told)


def ask(case: Case[Any], gateway: GatewayProcess) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    response = case.call(base_url=f"http://127.0.0.1:{gateway.port}", headers=headers, timeout=30)
    case.validate_response(response, checks=CHECKS, headers=headers)


@LONG
@pytest.mark.parametrize(("name", "mode"), WAYS)
def test_g05_what_a_machine_makes_of_our_paths_is_answered_as_they_say(
    gateway: GatewayProcess, form: Form, name: str, mode: GenerationMode
) -> None:
    @seed(form.seed)
    @settings(
        max_examples=form.count(small=60, large=1500),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(OPERATIONS[name].as_strategy(generation_mode=mode))
    def each(case: Case[Any]) -> None:
        ask(case, gateway)

    each()
    assert gateway.alive
