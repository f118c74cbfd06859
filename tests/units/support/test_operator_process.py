"""A process is started, asked, killed with all that it has started, and never left behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.api_calls import parse, write_but_no_lease
from tests.support.api_journal import Journal
from tests.support.operator_process import OperatorProcess, Ports, free_ports, sum_of
from tests.support.waiting import NeverHappenedError, wait_until

_TOY = ("-m", "tests.support.toy_operator")


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Callable[..., OperatorProcess]]:
    made: list[OperatorProcess] = []

    def make(*words: str) -> OperatorProcess:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump({"clusters": [{"cluster": {"server": "http://127.0.0.1:1"}}]}))
        port = free_ports().health
        command = [sys.executable, *_TOY, str(kubeconfig), "sea", "0", str(port), *words]
        made.append(OperatorProcess(command, Ports(port, port), tmp_path, "toy"))
        return made[-1]

    yield make
    for each in made:
        each.kill()


def _of(script: str, folder: Path) -> OperatorProcess:
    return OperatorProcess([sys.executable, "-c", script], free_ports(), folder)


def test_it_is_ready_when_it_says_so_and_ends_when_asked(toy: Callable[..., OperatorProcess]) -> None:
    operator = toy("hello")
    operator.start()
    operator.wait_ready()
    assert operator.metric("toy_waiting") == 3
    assert operator.metric("toy_waiting", kind="b") == 2
    assert operator.end() == 0
    assert not operator.alive
    assert operator.all_gone()
    assert "hello" in operator.log


def test_it_lives_again_after_it_was_killed_and_its_log_goes_on(toy: Callable[..., OperatorProcess]) -> None:
    operator = toy("hello")
    for _ in range(2):
        operator.start()
        operator.wait_ready()
        operator.kill()
        assert operator.exit_code == -signal.SIGKILL
    assert operator.log.count("hello") == 2


def test_what_it_has_started_is_killed_with_it(tmp_path: Path) -> None:
    parent = "import subprocess, time; subprocess.Popen(['sleep', '60']); print('both', flush=True); time.sleep(60)"
    operator = _of(parent, tmp_path)
    operator.start()
    try:
        wait_until(lambda: "both" in operator.log, 10, "both run")
    finally:
        operator.kill()
    wait_until(operator.all_gone, 10, "the orphan is gone")


def test_one_that_ends_early_is_shown_with_its_last_words(tmp_path: Path) -> None:
    operator = _of("raise SystemExit('no kubeconfig here')", tmp_path)
    operator.start()
    with pytest.raises(AssertionError, match="ended with 1:\nno kubeconfig here"):
        operator.wait_ready()


def test_one_that_does_not_end_is_killed_and_told(tmp_path: Path) -> None:
    operator = _of(
        "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()", tmp_path
    )
    operator.start()
    wait_until(lambda: "deaf" in operator.log, 10, "it is deaf")
    with pytest.raises(AssertionError, match=r"did not end within 0\.01 s"):
        operator.end(0.01)
    assert not operator.alive


def test_an_unhandled_exception_in_the_log_is_a_problem(tmp_path: Path) -> None:
    operator = _of("import sys; print('fine'); sys.stdout.flush(); 1/0", tmp_path)
    operator.start()
    operator._process.wait() if operator._process else None
    (problem,) = operator.problems()
    assert problem.startswith("operator, line 2:\nTraceback")
    assert "ZeroDivisionError" in problem


def test_quiet_needs_both_no_writes_and_nothing_in_the_queue(toy: Callable[..., OperatorProcess]) -> None:
    operator = toy()
    operator.start()
    operator.wait_ready()
    journal = Journal(write_but_no_lease)
    operator.wait_quiet(journal, 0, 0, busy=["toy_idle"])
    with pytest.raises(NeverHappenedError, match="toy is quiet"):
        operator.wait_quiet(journal, 0, 0, busy=["toy_idle", "toy_waiting"])
    journal.begin(parse("POST", "/api/v1/namespaces/sea/pods", {}))
    with pytest.raises(NeverHappenedError):
        operator.wait_quiet(journal, 0.001, 0, busy=["toy_idle"])


def test_series_are_added_up_by_name_and_labels() -> None:
    text = '# HELP a b\na{x="1",y="2"} 1.5\na{x="1",y="3"} 2\na_total 9\na 4 1700000000\nb{x="\\"1"} 1\n'
    assert sum_of(text, "a", {}) == 7.5
    assert sum_of(text, "a", {"x": "1"}) == 3.5
    assert sum_of(text, "a", {"x": "1", "y": "3"}) == 2
    assert sum_of(text, "c", {}) == 0
