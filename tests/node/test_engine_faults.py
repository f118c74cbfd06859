"""E-01, E-04: a real engine that the kernel kills for its memory, and one whose decoding stands still."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from plimsoll.api.reasons import Reason
from tests.support.crowds import Heard, Question, status, streaming
from tests.support.engine_image import needs_a_builder
from tests.support.form import Form
from tests.support.frozen import busiest_thread, frozen, process_of
from tests.support.kube import Kube
from tests.support.model_server import ModelServer
from tests.support.objects import Object
from tests.support.real_engines import (
    START_SECONDS,
    Serve,
    base_of,
    container,
    engines,
    name_of,
    on_the_web,
    ready_engines,
)
from tests.support.served_models import Model
from tests.support.waiting import wait_until

_NAMED_SECONDS = 30
_FOUND_SECONDS = 30
_MOST_RESTARTS = 5
# Enough for the weights and the cache, and not for the program around them.
_TOO_LITTLE = "40Mi"
# Six failed probes, ten seconds apart, and what a pod has to end.
_RESTART_SECONDS = 60 + 10 + 60
_TOKENS = 1900
_CLIENTS = 16

pytestmark = [pytest.mark.long, needs_a_builder]


@pytest.fixture
def source(web: ModelServer, tiny_model: Path) -> Object:
    return on_the_web(web, tiny_model)


def test_e01_an_engine_that_the_kernel_kills_for_its_memory_is_named_with_the_sizes(
    kube: Kube, serve: Serve, source: Object
) -> None:
    resources = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": _TOO_LITTLE}}
    model = serve(source, {"resources": resources})
    wait_until(lambda: _killed(model), START_SECONDS, "the kernel kills the engine")
    found = model.named(_NAMED_SECONDS)
    assert found.reason is Reason.OUT_OF_MEMORY
    assert "engine: the kernel" in found.message
    assert _TOO_LITTLE in found.message
    assert kube.read(model.config)["status"]["sizing"]["totalBytes"] > 0
    wait_until(lambda: _in_back_off(model), START_SECONDS, "the kubelet waits before the next start")
    assert _restarts(model) <= _MOST_RESTARTS


def _killed(model: Model) -> bool:
    known = [container(pod) for pod in engines(model)]
    ends = [each.get(state, {}).get("terminated", {}) for each in known for state in ("state", "lastState")]
    return any(each.get("reason") == "OOMKilled" for each in ends)


def _in_back_off(model: Model) -> bool:
    states = (container(pod)["state"] for pod in engines(model))
    return any(each.get("waiting", {}).get("reason") == "CrashLoopBackOff" for each in states)


def _restarts(model: Model) -> int:
    return sum(int(container(pod)["restartCount"]) for pod in engines(model))


@pytest.fixture
def decoding(serve: Serve, source: Object) -> Callable[[], tuple[Model, Object]]:
    def start() -> tuple[Model, Object]:
        change = {"context": 2048, "parallel": 1, "podTemplate": {"spec": {"terminationGracePeriodSeconds": 10}}}
        model = serve(source, change)
        model.ready(START_SECONDS)
        (pod,) = ready_engines(model, 1)
        return model, pod

    return start


def _standing_still(pod: Object) -> AbstractContextManager[None]:
    thread = busiest_thread(process_of(container(pod)["containerID"]))
    return frozen(thread, lambda: status(base_of(pod), "/health", 0.5) == 200)


def test_e04_a_decode_that_stands_still_is_found_in_half_a_minute_and_a_moment_of_it_costs_nobody_an_answer(
    decoding: Callable[[], tuple[Model, Object]],
) -> None:
    model, pod = decoding()
    base = base_of(pod)
    with streaming(Question(base, name_of(model), _TOKENS), _CLIENTS // 4) as heard:
        with _standing_still(pod):
            wait_until(lambda: status(base, "/health") == 503, _FOUND_SECONDS, "the engine fails its own liveness")
            assert not all(each.finish for each in heard)
        wait_until(lambda: status(base, "/health") == 200, _FOUND_SECONDS, "the engine is well again")
    assert heard == [Heard(each.chunks, "length", _TOKENS) for each in heard]
    assert _restarts(model) == 0


def test_e04_an_engine_that_stands_still_for_good_is_named_and_started_again(
    decoding: Callable[[], tuple[Model, Object]], form: Form
) -> None:
    if not form.long:
        pytest.skip("six probes have to fail: only in the long form")
    model, pod = decoding()
    with (
        streaming(Question(base_of(pod), name_of(model), _TOKENS), _CLIENTS),
        _standing_still(pod),
    ):
        wait_until(lambda: _restarts(model), _RESTART_SECONDS, "the kubelet starts it again")
    found = wait_until(model.trouble, _NAMED_SECONDS, "what has happened is named")
    assert found is not None
    assert found.reason is Reason.PROBE_FAILED
    wait_until(lambda: model.condition("Ready")["status"] == "True", START_SECONDS, "the model is ready again")
