"""A gateway before a backend of each shape, shared by the tests of a module; each has cases of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plimsoll.routing.document import Document, Provider, Served
from plimsoll.routing.entry import Secret
from tests.support.counting_upstream.process import CountingUpstream, counting_upstream
from tests.support.gateways import KEY, GatewayProcess, hosted
from tests.support.routing_documents import digest_of, document, key, model

# What a backend of each shape is called in a routing document.
EXTERNAL = "openai"
SHAPES = ("llamacpp", "vllm", EXTERNAL)
# Those that get into trouble are models of their own: whoever failed is left alone for a while.
MODELS = ("chat", "late", *(f"status-{status}" for status in (400, 401, 404, 422, 429, 500, 503)))


@dataclass(frozen=True)
class Scene:
    shape: str
    upstream: CountingUpstream
    gateway: GatewayProcess

    def said(self, path: str, body: Mapping[str, Any]) -> bytes:
        """An answer as it came, byte for byte."""
        status, _, said = self.gateway.ask(path, body)
        assert status == 200, said
        return json.dumps(said).encode() if not isinstance(said, bytes) else said

    def events(self, path: str, body: Mapping[str, Any]) -> list[bytes]:
        """Of a stream, without its last line."""
        *events, done, rest = self.said(path, body).split(b"\n\n")
        assert (done, rest) == (b"data: [DONE]", b"")
        return [event.removeprefix(b"data: ") for event in events]


def served_as(shape: str, upstream: CountingUpstream) -> Served:
    if shape != EXTERNAL:
        return hosted(upstream, backend=shape)
    provider = Provider(base_url=upstream.base, credential=Secret("sk-owner"))
    return hosted(upstream, backend=shape, upstream=provider, context=None, on_disconnect="drain")


@contextmanager
def running(document: Document, folder: Path, *arguments: str) -> Iterator[GatewayProcess]:
    """A gateway for many tests, and nothing unthought of in all its life."""
    gateway = GatewayProcess(document, ("--provider-networks=127.0.0.0/8", *arguments), folder).start()
    try:
        yield gateway.wait_ready()
    finally:
        gateway.kill()
    assert not gateway.problems()


@pytest.fixture(scope="module", params=SHAPES)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    shape = request.param
    with counting_upstream(shape, tmp_path_factory.mktemp("upstream")) as upstream:
        models = [model(f"team-a/{name}", served_as(shape, upstream)) for name in MODELS]
        routes = document(*models, keys={digest_of(KEY): key()})
        with running(routes, tmp_path_factory.mktemp("gateway")) as gateway:
            yield Scene(shape, upstream, gateway)
