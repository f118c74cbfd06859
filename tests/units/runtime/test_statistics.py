"""A frozen loop is told from one that has much or nothing to do."""

from __future__ import annotations

from plimsoll.runtime.statistics import Heartbeat


def test_no_progress_with_work_to_do_is_stuck() -> None:
    assert Heartbeat(progress_at=100.0, working=True).stuck(now=121.0, patience=20.0)


def test_progress_a_moment_ago_is_not_stuck_however_much_waits() -> None:
    assert not Heartbeat(progress_at=100.0, working=True).stuck(now=119.0, patience=20.0)


def test_a_long_silence_with_nothing_to_do_is_not_stuck() -> None:
    assert not Heartbeat(progress_at=100.0, working=False).stuck(now=9999.0, patience=20.0)
