"""A proxy before a server that plays the API server, for tests of what the proxy does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api_proxy import ApiProxy
from tests.support.toy_api_server import ToyApiServer

PODS = "/api/v1/namespaces/sea/pods"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyApiServer]:
    with ToyApiServer(tmp_path_factory.mktemp("toy")) as server:
        yield server


@pytest.fixture
def proxy(server: ToyApiServer, tmp_path: Path) -> Iterator[ApiProxy]:
    server.asked.clear()
    with ApiProxy(server.kubeconfig, tmp_path) as proxy:
        yield proxy
