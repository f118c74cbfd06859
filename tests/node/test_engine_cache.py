"""A cache of weights: what one pod has fetched is enough for the next ones, also when the source is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.support import objects
from tests.support.engine_image import needs_a_builder
from tests.support.kube import Kube
from tests.support.model_server import Asked, Content, ModelServer, Reply, Route, changed
from tests.support.objects import Object
from tests.support.real_engines import START_SECONDS, Serve, on_the_web, ready_engines
from tests.support.waiting import wait_until

_CACHE = {"weights": {"cache": {"claim": "weights"}}}
_BYTES_A_SECOND = 80 * 1024
# The operator reads no more of the file than this, and is not slowed down.
_HEADER = 1 << 20


def _slow(route: Route) -> Route:
    """At a bounded rate, so that the first start is made of the download."""

    def paced(reply: Reply) -> Iterator[bytes]:
        chunks = reply.body.chunks() if isinstance(reply.body, Content) else reply.body
        for chunk in chunks:
            time.sleep(len(chunk) / _BYTES_A_SECOND)
            yield chunk

    def answer(_: Asked, reply: Reply) -> Reply:
        return replace(reply, body=paced(reply)) if (reply.length or 0) > _HEADER else reply

    return changed(route, answer)


def _seconds(pod: Object) -> float:
    """From a pod's beginning to its being ready."""
    ready = next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
    moments = (pod["metadata"]["creationTimestamp"], ready["lastTransitionTime"])
    began, ended = (datetime.fromisoformat(each) for each in moments)
    return (ended - began).total_seconds()


@pytest.mark.long
@needs_a_builder
def test_a_second_replica_and_a_second_start_need_no_source(
    kube: Kube, namespace: str, serve: Serve, web: ModelServer, answering_model: Path
) -> None:
    source = on_the_web(web, answering_model)
    web.routes = {path: _slow(route) for path, route in web.routes.items()}
    kube.create(objects.claim(namespace, "weights"))
    model = serve(source, configuration=_CACHE)
    model.ready(2 * START_SECONDS)
    (first,) = ready_engines(model, 1)
    assert web.sent >= answering_model.stat().st_size
    web.close()

    model.change({"scaling": {"replicas": 2}})
    second = next(pod for pod in ready_engines(model, 2) if _name(pod) != _name(first))
    kube.delete(first)
    wait_until(lambda: kube.find(first) is None, START_SECONDS, "the first pod is gone")
    third = next(pod for pod in ready_engines(model, 2) if _name(pod) not in (_name(first), _name(second)))
    assert model.condition("Available")["status"] == "True"
    # Told, not asserted: how fast something is belongs to the bench.
    print(
        f"cold {_seconds(first):.0f} s, second replica {_seconds(second):.0f} s, second start {_seconds(third):.0f} s"
    )


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])
