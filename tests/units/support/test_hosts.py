"""Which tiers CI may not skip follows from the kind of machine alone."""

from __future__ import annotations

import os
import sys

import pytest

from tests.support import hosts


@pytest.mark.parametrize(
    ("platform", "user", "expected"),
    [
        ("linux", 0, ["units", "runtime", "gateway", "api", "control", "node"]),
        ("linux", 1000, ["units", "runtime", "gateway", "api", "control"]),
        ("darwin", 0, ["units"]),
    ],
)
def test_ci_must_run_what_a_machine_of_its_kind_can_be_set_up_for(
    monkeypatch: pytest.MonkeyPatch, platform: str, user: int, expected: list[str]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert [tier for tier in hosts.TIERS if hosts.expected(tier)] == expected


def test_units_need_nothing() -> None:
    assert hosts.missing("units") == []


def test_the_node_tier_tells_a_user_without_root_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert any(lack in ("root", "Linux") for lack in hosts.missing("node"))


def test_the_runtime_tier_tells_a_machine_without_a_compiler_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLIMSOLL_ENGINE", raising=False)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert hosts.missing("runtime") == ["c++ (Debian: apt-get install g++)"]


def test_the_runtime_tier_needs_no_compiler_where_the_library_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLIMSOLL_ENGINE", "/opt/plimsoll/engine")
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert hosts.missing("runtime") == []
