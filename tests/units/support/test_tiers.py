"""The tiers as a run shows them: order, skips in words, the verdict of CI, seconds and overlong tests."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

_LACKS = """
pytest_plugins = ["tests.support.form", "tests.support.tiers"]
LACKS = {"node": ["root", "runc"]}
def pytest_configure():
    from tests.support import hosts, tiers
    hosts.missing = lambda tier: LACKS.get(tier, [])
    hosts.expected = lambda tier: tier != "control"
"""
_EMPTY_TEST = "def test_nothing(): pass"


@pytest.fixture
def project(pytester: pytest.Pytester, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A small project with one test in each tier, on a machine that lacks what its node tier needs."""
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    monkeypatch.delenv("CI", raising=False)
    marks = "\n".join(f"    {mark}" for mark in pytestconfig.getini("markers") if mark.split(":")[0] in _MARKS)
    pytester.makeini(f"[pytest]\nstrict = true\nmarkers =\n{marks}")
    pytester.makeconftest(_LACKS)
    for tier in ("node", "api", "units", "control"):
        _put(pytester, tier, _EMPTY_TEST)
    return pytester


_MARKS = {"units", "api", "control", "node", "long"}


def _put(project: pytest.Pytester, tier: str, text: str) -> None:
    folder = project.path / "tests" / tier
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"test_{tier}.py").write_text(text)


def _run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_a_tier_that_cannot_run_is_skipped_in_one_line_that_says_what_is_missing(project: pytest.Pytester) -> None:
    result = _run(project)
    result.assert_outcomes(passed=3, skipped=1)
    assert result.outlines.count("node tier skipped: needs root, runc") == 1
    assert result.ret == 0


def test_in_ci_a_tier_that_should_run_here_and_was_skipped_fails_the_run(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    result = _run(project)
    result.stdout.fnmatch_lines(["node tier: this machine should run it*", "*3 passed, 1 skipped*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_in_ci_a_tier_that_this_kind_of_machine_cannot_run_may_be_skipped(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    project.makeconftest(_LACKS.replace('"node": [', '"control": ['))
    result = _run(project)
    result.assert_outcomes(passed=3, skipped=1)
    assert result.ret == 0


def test_a_tier_that_nobody_asked_for_is_neither_mentioned_nor_missed(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    result = _run(project, "-m", "units")
    result.assert_outcomes(passed=1, deselected=3)
    result.stdout.no_fnmatch_line("*node tier*")
    assert result.ret == 0


def test_tiers_run_in_order_and_each_tells_its_seconds(project: pytest.Pytester) -> None:
    result = _run(project, "-v")
    result.stdout.fnmatch_lines(["tests/units/*", "tests/api/*", "tests/control/*", "tests/node/*"])
    result.stdout.re_match_lines([rf"{tier}: 1 tests in \d+\.\d s" for tier in ("units", "api", "control")])
    assert "passed" in result.outlines[-1]


def test_a_test_outside_the_tiers_stops_the_run(project: pytest.Pytester) -> None:
    project.makepyfile(test_lost=_EMPTY_TEST)
    result = _run(project)
    result.stderr.fnmatch_lines(["*test_lost.py::test_nothing is in no tier*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    ("mark", "form", "named"),
    [("", "short", True), ("@pytest.mark.long", "short", False), ("", "long", False)],
)
def test_the_summary_names_a_test_that_is_overlong_without_its_mark(
    project: pytest.Pytester, mark: str, form: str, named: bool
) -> None:
    project.makeconftest(_LACKS + "    tiers.LONG_SECONDS = -1.0\n")
    _put(project, "units", f"import pytest\n{mark}\n{_EMPTY_TEST}")
    result = _run(project, "-m", "units", "--form", form)
    assert result.ret == 0
    assert ("test_units.py::test_nothing took" in result.stdout.str()) is named


def test_the_first_line_says_which_form_and_which_seed(project: pytest.Pytester) -> None:
    _run(project, "--seed", "5").stdout.fnmatch_lines(["form: short (sampled with --seed 5)"])
    _run(project, "--form", "long").stdout.fnmatch_lines(["form: long (every point)"])


_CLUSTER = """
import pytest
from pathlib import Path
@pytest.fixture(scope="package")
def cluster():
    tell("{tier} up")
    yield
    tell("{tier} down")
def tell(what):
    with open("diary", "a") as diary:
        diary.write(what + ", ")
"""


def _with_clusters(project: pytest.Pytester) -> None:
    for tier in ("api", "control"):
        (project.path / "tests" / tier / "conftest.py").write_text(_CLUSTER.format(tier=tier))
        (project.path / "tests" / tier / "__init__.py").touch()
        _put(project, tier, "def test_one(cluster): pass\ndef test_two(cluster): pass")


def test_a_tiers_cluster_goes_down_before_the_next_tier_starts(project: pytest.Pytester) -> None:
    _with_clusters(project)
    _run(project).assert_outcomes(passed=5, skipped=1)
    assert (project.path / "diary").read_text() == "api up, api down, control up, control down, "


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_run_that_is_interrupted_takes_its_cluster_down(project: pytest.Pytester, number: str) -> None:
    _with_clusters(project)
    _put(project, "api", f"import os, signal\ndef test_one(cluster): os.kill(os.getpid(), signal.{number})")
    result = _run(project)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert (project.path / "diary").read_text() == "api up, api down, "
