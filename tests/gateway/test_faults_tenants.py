"""S-01, S-08: what a key opens and what it does not, on every path, and what is left of a key where it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from plimsoll.routing.document import Access, Document, Key, Version
from plimsoll.routing.limits import Limits
from plimsoll.routing.policy import Prompt
from tests.support.canaries import Canaries
from tests.support.counting_upstream.process import CountingUpstream, StartUpstream, counting_upstream
from tests.support.counting_upstream.script import HEAD, Script
from tests.support.form import Form
from tests.support.gateways import KEY, GatewayProcess, StartGateway, hosted, opened
from tests.support.routing_documents import digest_of, document, key, model
from tests.support.scenes import running
from tests.support.waiting import wait_until

A, B, NARROW, EXPIRED, SUSPENDED, ROTATED = (f"plm_{name:<6}".replace(" ", "x") + name[0] * 43 for name in (
    "team-a", "team-b", "narrow", "expire", "suspen", "rotate",
))  # fmt: skip
HIDDEN = "the tide table of team b"
PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Ahoy"}]},
    "/v1/completions": {"prompt": "Ahoy"},
    "/v1/embeddings": {"input": "Ahoy"},
}
# What a key gets for a model: the status, and the code of the error.
OK: tuple[int, str | None] = (200, None)
NOT_THERE, FORBIDDEN = (404, "model_not_found"), (403, "model_forbidden")
MODELS = ("team-a/own", "own", "team-b/private", "private", "team-b/shared", "shared", "team-b/nothing", "nothing")
MATRIX: dict[str, tuple[str, dict[str, tuple[int, str | None]]]] = {
    "team a": (A, {
        "team-a/own": OK, "own": OK, "team-b/private": NOT_THERE, "private": NOT_THERE,
        "team-b/shared": OK, "shared": OK, "team-b/nothing": NOT_THERE, "nothing": NOT_THERE,
    }),
    "team b": (B, {
        "team-a/own": NOT_THERE, "own": NOT_THERE, "team-b/private": OK, "private": OK,
        "team-b/shared": OK, "shared": OK, "team-b/nothing": NOT_THERE, "nothing": NOT_THERE,
    }),
    "a key of team b for one model": (NARROW, {
        "team-a/own": NOT_THERE, "own": NOT_THERE, "team-b/private": FORBIDDEN, "private": FORBIDDEN,
        "team-b/shared": OK, "shared": OK, "team-b/nothing": NOT_THERE, "nothing": NOT_THERE,
    }),
    **{
        name: (plain, dict.fromkeys(MODELS, (status, code)))
        for name, plain, status, code in (
            ("nobody", "", 401, "missing_api_key"),
            ("a stranger", "plm_strang" + "s" * 43, 401, "invalid_api_key"),
            ("an expired key", EXPIRED, 401, "expired_api_key"),
            ("a suspended key", SUSPENDED, 403, "suspended_api_key"),
            ("a key that was replaced", ROTATED, 401, "expired_api_key"),
        )
    },
}  # fmt: skip


def routed(upstream: CountingUpstream) -> Document:
    prompt = Prompt(role="tester", system=HIDDEN, lock_system=True, answer_prefix="")
    models = [
        model("team-a/own", hosted(upstream)),
        model("team-b/private", hosted(upstream, prompt=prompt)),
        model("team-b/shared", hosted(upstream), access=Access(everyone=True)),
    ]
    keys = {
        A: key("team-a/app"),
        B: key("team-b/app"),
        NARROW: key("team-b/narrow", models=("*/shared",)),
        EXPIRED: key("team-b/expired", expires_at=1),
        SUSPENDED: key("team-b/suspended", suspended=True),
        ROTATED: key("team-b/app", valid_until=1),
    }
    return document(*models, keys={digest_of(plain): each for plain, each in keys.items()})


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingUpstream]:
    with counting_upstream("llamacpp", tmp_path_factory.mktemp("upstream")) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(upstream: CountingUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with running(routed(upstream), tmp_path_factory.mktemp("gateway")) as found:
        yield found


def ask(gateway: GatewayProcess, plain: str, path: str, body: Any = None) -> tuple[int, str | None, str]:
    headers = {"authorization": f"Bearer {plain}" if plain else ""}
    status, told, said = gateway.ask(path, body, headers)
    error = said.get("error") if isinstance(said, dict) else None
    return status, error["code"] if error else None, f"{told} {said}"


@pytest.mark.parametrize("who", MATRIX)
def test_s01_a_key_opens_what_it_may_and_learns_nothing_of_the_rest(
    gateway: GatewayProcess, upstream: CountingUpstream, who: str
) -> None:
    plain, may = MATRIX[who]
    for name, (status, code) in may.items():
        before = len(upstream.requests(""))
        for path, body in PATHS.items():
            found = ask(gateway, plain, path, {"model": name, **body})
            assert found[:2] == (status, code), (path, name, found)
            assert HIDDEN not in found[2]
        assert len(upstream.requests("")) - before == (len(PATHS) if status == 200 else 0)
        card = ask(gateway, plain, f"/v1/models/{name}")
        assert card[:2] == (status, code), (name, card)


@pytest.mark.parametrize("who", MATRIX)
def test_s01_the_list_of_models_has_those_that_the_key_opens(gateway: GatewayProcess, who: str) -> None:
    plain, may = MATRIX[who]
    status, code, said = ask(gateway, plain, "/v1/models")
    known = next(iter(may.values()))
    if known[0] in (401, 403):
        assert (status, code) == known
        return
    listed = {name for name in ("team-a/own", "team-b/private", "team-b/shared") if name in said}
    assert listed == {name for name, found in may.items() if found == OK and "/" in name}


def test_s01_a_model_of_others_is_told_in_the_words_for_one_that_is_not_there(gateway: GatewayProcess) -> None:
    def words(name: str) -> str:
        _, _, said = gateway.ask("/v1/models/" + name, headers={"authorization": f"Bearer {A}"})
        return str(said["error"]["message"]).replace(name, "?")

    assert words("team-b/private") == words("team-b/nothing")


def test_s01_request_ids_and_headers_of_others_open_nothing(gateway: GatewayProcess) -> None:
    stolen = {"authorization": f"Bearer {A}", "x-request-id": "req_of_b", "x-plimsoll-team": "team-b", "host": "team-b"}
    body = {"model": "private", **PATHS["/v1/completions"]}
    status, told, said = gateway.ask("/v1/completions", body, stolen)
    assert (status, said["error"]["code"]) == NOT_THERE
    assert told["x-request-id"] != "req_of_b"
    for path in ("/metrics", "/health", "/ready", "/v1/records", "/v1/../metrics", "/admin", "/v1/keys"):
        assert gateway.ask(path, headers=stolen)[0] == 404


def test_s08_thousands_of_guesses_are_refused_alike_and_the_right_key_is_served_meanwhile(
    gateway: GatewayProcess, form: Form
) -> None:
    body = {"model": "own", **PATHS["/v1/completions"]}
    said = set()
    for number in range(form.count(small=500, large=20_000)):
        guess = f"{A[:-5]}{number:05d}"
        status, told, answer = gateway.ask("/v1/completions", body, {"authorization": f"Bearer {guess}"})
        error = {name: value for name, value in answer["error"].items() if name != "request_id"}
        said.add((status, str(sorted(error.items())), told.get("retry-after")))
        if number % 100 == 0:
            assert ask(gateway, A, "/v1/completions", body)[0] == 200
    assert len(said) == 1


def test_s08_the_plain_key_lies_nowhere(
    start_gateway: StartGateway, start_upstream: StartUpstream, canaries: Canaries
) -> None:
    gateway = start_gateway(opened(hosted(start_upstream("llamacpp")), plain=canaries.plant(KEY)))
    assert gateway.ask("/v1/completions", {"model": "chat", "prompt": "Ahoy"})[0] == 200
    assert gateway.ask("/v1/completions", {"model": "chat", "prompt": ["x", 5]})[0] != 500
    gateway.wait_requests(2)
    assert KEY not in gateway.routing.read_text()
    canaries.hear("metrics", gateway.metrics())


def test_s08_a_key_that_is_replaced_works_until_its_time_is_over_and_the_new_one_from_now_on(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    served, new, sequence = hosted(start_upstream("llamacpp")), "plm_newnew" + "n" * 43, iter(range(2, 9))
    gateway = start_gateway(opened(served))

    def route(**keys: Key) -> None:
        plain = {"old": KEY, "new": new}
        known = {digest_of(plain[name]): each for name, each in keys.items()}
        gateway.route(document(model(state=served), keys=known, version=Version(epoch=1, sequence=next(sequence))))

    def statuses() -> tuple[int, int]:
        body = {"model": "chat", "prompt": "Ahoy"}
        old, fresh = (ask(gateway, each, "/v1/completions", body)[0] for each in (KEY, new))
        return old, fresh

    assert statuses() == (200, 401)
    route(old=key(valid_until=int(time.time()) + 3600), new=key())
    assert statuses() == (200, 200)
    end = int(time.time()) + 2
    route(old=key(valid_until=end), new=key())
    wait_until(lambda: statuses() == (401, 200), 20, "the old one is over")
    assert time.time() >= end
    route(new=key(suspended=True))
    assert statuses() == (401, 403)
    route()
    assert statuses() == (401, 401)


def test_s08_who_waits_for_a_limit_when_its_key_is_revoked_is_refused(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    upstream = start_upstream("llamacpp")
    upstream.script(Script(holds={HEAD: "go"}), Script())
    served = hosted(upstream, limits=Limits(concurrency=1, when_full="wait", queue=4))
    other = "plm_others" + "o" * 43
    gateway = start_gateway(opened(served, keys={digest_of(other): key("team-a/other")}))
    statuses: dict[str, int] = {}
    body = {"model": "chat", "prompt": "Ahoy"}

    def call(plain: str) -> None:
        statuses[plain] = ask(gateway, plain, "/v1/completions", body)[0]

    threads = [threading.Thread(target=call, args=(each,)) for each in (other, KEY)]
    threads[0].start()
    upstream.wait_held("go")
    threads[1].start()
    wait_until(lambda: gateway.metric("plimsoll_queue_depth") == 1, 20, "one waits")
    known = {digest_of(other): key("team-a/other")}
    gateway.route(document(model(state=served), keys=known, version=Version(epoch=1, sequence=2)))
    upstream.let("go")
    for thread in threads:
        thread.join()
    assert statuses == {other: 200, KEY: 401}
