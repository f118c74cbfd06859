"""The tiers as pytest sees them: a mark by folder, an order, skips that say what is missing, seconds at the end."""

from __future__ import annotations

import os
import signal
from collections import Counter, defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field

import pytest

from tests.support import hosts
from tests.support.form import form_of

LONG_SECONDS = 20.0


@dataclass
class Tally:
    """What one run learned about its tiers."""

    lacks: dict[str, list[str]] = field(default_factory=dict)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    tests: Counter[str] = field(default_factory=Counter)
    unmarked: dict[str, float] = field(default_factory=dict)

    def forbidden_skips(self) -> list[str]:
        """Tiers that were skipped although CI must run them here."""
        if os.environ.get("CI") != "true":
            return []
        return [tier for tier in self.lacks if hosts.expected(tier)]


_TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Tally()
    # A CI that gives up sends SIGTERM, and a shell's background jobs ignore SIGINT: both must take the clusters down.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tiers = {item: tier_of(item) for item in items}
    for item, tier in tiers.items():
        item.add_marker(tier)
    # A tier's cluster goes down after the tier's last test, so that two clusters never stand for nothing.
    items.sort(key=lambda item: hosts.TIERS.index(tiers[item]))


def tier_of(item: pytest.Item) -> str:
    parts = item.path.relative_to(item.config.rootpath).parts
    if len(parts) < 3 or parts[0] != "tests" or parts[1] not in hosts.TIERS:
        raise pytest.UsageError(f"{item.nodeid} is in no tier: put it under tests/ in one of {', '.join(hosts.TIERS)}.")
    return parts[1]


def runnable_tiers(session: pytest.Session) -> list[str]:
    """The tiers that this run will really enter, in order."""
    return [tier for tier in _tiers_in(session) if tier not in session.config.stash[_TALLY].lacks]


def _tiers_in(session: pytest.Session) -> list[str]:
    return [] if session.config.option.collectonly else list(dict.fromkeys(tier_of(item) for item in session.items))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Skips come after every selection, so that a tier nobody asked for is neither checked nor mentioned."""
    lacks = session.config.stash[_TALLY].lacks
    for tier in _tiers_in(session):
        if found := hosts.missing(tier):
            lacks[tier] = found
    for item in session.items:
        if (tier := tier_of(item)) in lacks:
            item.add_marker(pytest.mark.skip(reason=_words(tier, lacks[tier])))


def _words(tier: str, lacks: list[str]) -> str:
    return f"{tier} tier skipped: needs {', '.join(lacks)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    tally = item.config.stash[_TALLY]
    tier = tier_of(item)
    tally.seconds[tier] += report.duration
    if report.when == "call":
        tally.tests[tier] += 1
        if report.duration > LONG_SECONDS and item.get_closest_marker("long") is None:
            tally.unmarked[item.nodeid] = report.duration
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.stash[_TALLY].forbidden_skips():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash[_TALLY]
    if not tally.seconds:
        return
    terminalreporter.section("tiers")
    for tier in hosts.TIERS:
        if tier in tally.lacks:
            terminalreporter.line(_words(tier, tally.lacks[tier]), yellow=True)
        elif tier in tally.seconds:
            terminalreporter.line(f"{tier}: {tally.tests[tier]} tests in {tally.seconds[tier]:.1f} s")
    for tier in tally.forbidden_skips():
        terminalreporter.line(f"{tier} tier: this machine should run it and CI=true, so the run fails", red=True)
    # The long form does more of the same on purpose; the mark speaks of the short one.
    if not form_of(config).long:
        for test, seconds in tally.unmarked.items():
            terminalreporter.line(f"{test} took {seconds:.0f} s: mark it `long` or make it faster", red=True)
