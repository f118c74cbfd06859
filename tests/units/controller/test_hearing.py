"""Keys and gateways are heard of; only what is news makes a new document."""

from __future__ import annotations

from typing import Any

from plimsoll.cluster.errors import Unavailable
from plimsoll.cluster.kinds import MODEL_KEY, POD, Object
from plimsoll.controller.hearing import GatewayEars, KeyEars
from plimsoll.controller.metrics import Metrics
from tests.support.model_keys import model_key


def _key(version: int, **spec: Any) -> Object:
    made = model_key(spec, namespace="team-a")
    metadata = {"uid": "u", "resourceVersion": str(version), "creationTimestamp": "2026-11-21T00:00:00Z"}
    # As an item of a list comes: without saying what it is.
    return {"metadata": {**made["metadata"], **metadata}, "spec": made["spec"]}


def _pod(name: str, phase: str = "Running", **metadata: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "home", **metadata}, "status": {"phase": phase}}


def test_a_key_is_news_once() -> None:
    news: list[int] = []
    ears = KeyEars(Metrics(), lambda: news.append(1))
    ears.told(MODEL_KEY, "ADDED", _key(1))
    ears.told(MODEL_KEY, "MODIFIED", _key(1))
    assert (ears.keys.size, len(news)) == (1, 1)
    ears.told(MODEL_KEY, "DELETED", _key(2))
    ears.told(MODEL_KEY, "DELETED", _key(2))
    assert (ears.keys.size, len(news)) == (0, 2)


def test_a_list_that_lacks_a_key_is_news() -> None:
    news: list[int] = []
    ears = KeyEars(Metrics(), lambda: news.append(1))
    ears.told(MODEL_KEY, "LISTED", _key(1))
    ears.complete(MODEL_KEY, None, {("team-a", "app")}, "2")
    assert len(news) == 1
    ears.complete(MODEL_KEY, None, set(), "3")
    assert (ears.keys.size, len(news)) == (0, 2)


def test_what_cannot_be_heard_is_counted_by_its_kind() -> None:
    metrics = Metrics()
    KeyEars(metrics, lambda: None).deaf(MODEL_KEY, Unavailable("away"))
    GatewayEars(metrics, lambda: None).deaf(POD, Unavailable("away"))
    text = metrics.text().decode()
    for kind in ("ModelKey", "GatewayPod"):
        assert f'plimsoll_operator_watch_errors_total{{error="Unavailable",kind="{kind}"}} 1.0' in text


def test_gateways_are_counted_until_they_have_ended() -> None:
    counts: list[int] = []
    ears = GatewayEars(Metrics(), lambda: counts.append(ears.count))
    assert ears.count == 1
    for name in ("a", "b", "c"):
        ears.told(POD, "ADDED", _pod(name, phase="Pending"))
    # It still lets calls through.
    ears.told(POD, "MODIFIED", _pod("a", deletionTimestamp="2026-11-21T00:00:00Z"))
    assert ears.count == 3
    ears.told(POD, "MODIFIED", _pod("a", phase="Succeeded"))
    ears.told(POD, "MODIFIED", _pod("b", phase="Failed"))
    ears.told(POD, "DELETED", _pod("c"))
    assert counts == [2, 3, 2, 1]
    assert ears.count == 1


def test_gateways_that_a_list_lacks_are_gone() -> None:
    counts: list[int] = []
    ears = GatewayEars(Metrics(), lambda: counts.append(ears.count))
    for name in ("a", "b", "c"):
        ears.told(POD, "LISTED", _pod(name))
    ears.complete(POD, "home", {("home", "a"), ("home", "b")}, "9")
    ears.complete(POD, "home", {("home", "a"), ("home", "b")}, "10")
    assert counts == [2, 3, 2]
