"""A real engine with more to do than it can: it lives, and nobody who is inside is cut when its pod is deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import pods
from tests.support.crowds import Heard, Question, asking, status, streaming
from tests.support.engine_image import needs_a_builder
from tests.support.form import Form
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
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

_STREAMS = 50
# On half a processor: more than the five seconds until SIGTERM, and less than the time to drain.
_TOKENS = 800
_CLIENTS = 32
_HALF_A_PROCESSOR = {"requests": {"cpu": "10m"}, "limits": {"cpu": "500m"}}

pytestmark = [pytest.mark.long, needs_a_builder]


@pytest.fixture
def source(web: ModelServer, tiny_model: Path) -> Object:
    return on_the_web(web, tiny_model)


def test_a_pod_that_is_deleted_with_fifty_streams_open_cuts_none_of_them(
    cluster: ProcessCluster, kube: Kube, serve: Serve, source: Object
) -> None:
    model = serve(source, {"context": 2048, "parallel": _STREAMS, "resources": _HALF_A_PROCESSOR})
    model.ready(START_SECONDS)
    (pod,) = ready_engines(model, 1)
    with streaming(Question(base_of(pod), name_of(model), _TOKENS), _STREAMS) as heard:
        wait_until(lambda: all(each.chunks for each in heard), START_SECONDS, "every stream has begun")
        kube.delete(pod)
        wait_until(lambda: status(base_of(pod), "/ready") == 503, START_SECONDS, "the engine is asked to stop")
        said = pods.logs(cluster, pod)
    assert f"asked to stop: {_STREAMS} requests are inside" in said
    assert heard == [Heard(each.chunks, "length", _TOKENS) for each in heard]


@pytest.mark.timeout(900)
def test_a_saturated_engine_is_never_taken_for_a_dead_one(serve: Serve, source: Object, form: Form) -> None:
    model = serve(source, {"parallel": 16, "resources": _HALF_A_PROCESSOR})
    model.ready(START_SECONDS)
    (pod,) = ready_engines(model, 1)
    question = Question(base_of(pod), name_of(model), 64)
    unwell: list[int] = []

    def probed() -> bool:
        answer = status(question.base, "/health")
        unwell.extend([answer] if answer != 200 else [])
        return load.done()

    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(asking, question, _CLIENTS, form.count(small=60, large=600))
        wait_until(probed, 800, "the load ends")
    tally = load.result()
    assert not tally.errors
    assert not unwell
    (still,) = engines(model)
    assert still["metadata"]["uid"] == pod["metadata"]["uid"]
    assert container(still)["restartCount"] == 0
    print(f"{tally.answered} answers of 64 tokens, 0 restarts")
