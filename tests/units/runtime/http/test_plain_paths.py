"""Probes, models, tokens, and what is said of paths that are not there."""

from dataclasses import replace

import pytest

from plimsoll.runtime.http.state import PATIENCE_SECONDS, Phase
from plimsoll.runtime.statistics import Heartbeat
from tests.support.played_engine import CONTEXT, House

POSTS = ("/v1/completions", "/v1/chat/completions", "/tokenize")


def test_a_step_that_never_ends_is_found_by_its_heartbeat() -> None:
    house = House()
    house.beat = Heartbeat(house.now, working=True)
    house.now += PATIENCE_SECONDS
    assert house.ask("/health").status == 200
    house.now += 1
    reply = house.ask("/health")
    assert (reply.status, reply.json["stuck_seconds"]) == (503, 21.0)
    # Kubernetes asks six times, ten seconds apart, before it acts; one more good answer and it is forgotten.
    house.beat = Heartbeat(house.now, working=True)
    assert house.ask("/health").status == 200


def test_a_long_silence_without_work_is_no_trouble() -> None:
    house = House()
    house.now += 1e6
    assert house.ask("/health").json == {"status": "ready"}


def test_while_it_loads_it_is_alive_and_not_ready() -> None:
    house = House()
    house.state.phase, house.state.loaded_share = Phase.LOADING, 0.25
    assert house.ask("/health").json == {"status": "loading", "loaded": 0.25}
    assert house.ask("/ready").status == 503
    for path in POSTS:
        reply = house.ask(path, {})
        assert (reply.status, reply.error["code"], reply.headers["connection"]) == (503, "loading", "close")


def test_while_it_drains_it_is_alive_and_takes_nothing_new() -> None:
    house = House()
    house.state.phase = Phase.DRAINING
    assert (house.ask("/health").status, house.ask("/ready").status) == (200, 503)
    for path in POSTS:
        reply = house.ask(path, {})
        assert (reply.status, reply.error["code"], reply.headers["connection"]) == (503, "draining", "close")


def test_an_engine_that_has_failed_is_neither_alive_nor_ready() -> None:
    house = House()
    house.state.phase = Phase.FAILED
    assert (house.ask("/health").status, house.ask("/ready").status) == (503, 503)
    assert house.ask("/v1/completions", {"prompt": "Hi"}).status == 500


def test_a_long_queue_is_no_reason_to_be_unhealthy_or_not_ready() -> None:
    house = House()
    house.engine.room.take(4)
    assert (house.ask("/health").status, house.ask("/ready").status) == (200, 200)


def test_a_model_that_is_ready_after_it_was_asked_to_end_lets_nobody_in() -> None:
    house = House()
    house.state.phase = Phase.DRAINING
    house.state.ready(house.loaded, lambda: house.beat)
    assert house.ask("/ready").status == 503


def test_the_model_tells_its_context() -> None:
    (model,) = House().ask("/v1/models").json["data"]
    assert model == {
        "id": "boat",
        "object": "model",
        "created": 1,
        "owned_by": "plimsoll",
        "max_model_len": CONTEXT,
    }
    assert House().ask("/v1/models/boat").json == model
    assert House().ask("/v1/models/ship").status == 404


def test_a_name_may_have_slashes() -> None:
    house = House()
    house.state.settings = replace(house.settings, alias="team/boat")
    assert house.ask("/v1/models/team/boat").json["id"] == "team/boat"


def test_tokens_of_a_text_and_of_a_chat_are_told() -> None:
    told = House().ask("/tokenize", {"prompt": "Hi"}).json
    assert told == {"tokens": [1, 75, 108], "count": 3, "max_model_len": CONTEXT}
    assert House().ask("/tokenize", {"messages": [{"role": "user", "content": "Hi"}]}).json["count"] == 5
    assert House().ask("/tokenize", {"prompt": ["Hi"]}).status == 400
    assert House().ask("/tokenize", {}).error["param"] == "messages"
    assert House().ask("/tokenize", {"prompt": "Hi", "x": 1}).error["param"] == "x"


def test_metrics_are_told_as_they_are() -> None:
    reply = House().ask("/metrics")
    assert (reply.headers["content-type"], reply.body) == ("text/plain", b"metrics 1\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/v1", 404), ("GET", "/v1/completions", 405), ("POST", "/health", 405),
     ("DELETE", "/v1/models/boat", 405), ("HEAD", "/health", 200)],
)  # fmt: skip
def test_paths_and_methods_that_are_not_there(method: str, path: str, status: int) -> None:
    reply = House().ask(path, b"", method=method)
    assert reply.status == status
    if status == 405:
        assert reply.headers["allow"] in ("POST", "GET, HEAD")


def test_a_mistake_of_ours_is_a_500_without_a_word_of_where(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    def broken(_job: object) -> None:
        raise RuntimeError("in /secret/path.py")

    house.engine.play = broken
    reply = house.ask("/v1/completions", {"prompt": "Hi"})
    assert (reply.status, "secret" in reply.body.decode()) == (500, False)
    assert "/secret/path.py" in caplog.text
    assert house.engine.room.taken == 0


def test_a_request_keeps_a_decent_name_and_gets_one_otherwise() -> None:
    def named(name: str) -> str:
        return House().ask("/health", headers={"x-request-id": name}).headers["x-request-id"]

    assert named("trip-7") == "trip-7"
    assert named("two words") == "0"
    assert named("x" * 129) == "0"
