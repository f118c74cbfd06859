"""The program of the gateway's bench, built before the first test that needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gateway.program import PROGRAM
from tools.cluster.progress import Progress


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    PROGRAM.ensure_before_the_first_test(session)


@pytest.fixture(scope="session")
def gateway_tool() -> Path:
    return PROGRAM.ensure(Progress())
