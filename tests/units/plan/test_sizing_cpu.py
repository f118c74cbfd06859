"""Threads follow the CPU that the pod may use, and the pod asks for what it was estimated to take."""

from __future__ import annotations

import pytest

from plimsoll.plan.sizing import BadLoad, Estimate, Part
from plimsoll.plan.sizing_cpu import propose, threads_for

MIB = 1 << 20


@pytest.mark.parametrize(
    ("millis", "threads"),
    [
        *((1, 1), (500, 1), (1000, 1), (1499, 1), (1500, 2), (2000, 2), (2499, 2), (3500, 4), (3999, 4)),
        *((4000, 4), (4999, 4), (7650, 7), (64_000, 64)),
    ],
)
def test_threads_are_rounded_below_four_cpus_and_cut_above(millis: int, threads: int) -> None:
    assert threads_for(millis) == threads


@pytest.mark.parametrize("millis", [0, -1, 1_000_001])
def test_an_amount_of_cpu_that_cannot_be_is_refused(millis: int) -> None:
    with pytest.raises(BadLoad, match="CPU"):
        threads_for(millis)


def test_a_pod_asks_for_whole_mebibytes_and_says_why_so_many_threads() -> None:
    found = propose(Estimate((Part("weights", 3 * MIB + 1, "x"),)), 2000)
    assert (found.memory, found.cpu_millis, found.threads) == (4 * MIB, 2000, 2)
    assert found.reason == "2 threads for a quota of 2 CPU"


def test_a_part_of_a_cpu_is_said_to_be_wasted() -> None:
    found = propose(Estimate((Part("weights", MIB, "x"),)), 1200)
    assert found.memory == MIB
    assert found.reason == "1 thread for a quota of 1.2 CPU; a whole number of CPUs would waste none"
