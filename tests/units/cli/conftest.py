"""What tests of verbs share."""

from __future__ import annotations

import pytest

from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster, install


@pytest.fixture
def plimsoll(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    cluster = FakeCluster()
    install(monkeypatch, cluster)
    return cluster
