"""A server on an address of this machine that is not loopback: loopback is never read from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gguf_maker import TINY, Made, model
from tests.support.model_server import ModelServer, model_server, own_address


@pytest.fixture(scope="session")
def address() -> str:
    found = own_address()
    if found is None:
        pytest.skip("this machine has no address but loopback, which is never read from")
    return found


@pytest.fixture
def server(address: str) -> Iterator[ModelServer]:
    with model_server(address) as running:
        yield running


@pytest.fixture(scope="session")
def tiny() -> Made:
    return model(TINY, "Q8_0")
