"""What a machine lacks for the demo, in one sentence."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tools.demo.machine import Machine, lacking, look

GIB = 1 << 30
FIT = Machine(linux=True, root=True, engine=None, disk=8 * GIB, memory=4 * GIB)


def test_a_machine_that_has_everything_lacks_nothing() -> None:
    assert lacking(FIT, again=False) == ""
    assert lacking(replace(FIT, root=False, engine="docker"), again=False) == ""


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (replace(FIT, linux=False), "Linux"),
        (replace(FIT, root=False), "root, or a container engine that answers (docker or podman, with kind)"),
        (replace(FIT, disk=7 * GIB), "8 GiB of free disk (7.0 are free)"),
        (replace(FIT, memory=3 * GIB), "4 GiB of memory (it has 3.0)"),
    ],
)
def test_what_is_missing_is_said_with_what_works_without_it(machine: Machine, words: str) -> None:
    said = lacking(machine, again=False)
    assert said.startswith(f"This machine lacks {words}; without it `make test` still runs")
    assert said.count(".") - words.count(".") == 1


def test_a_machine_of_four_gibibytes_shows_a_little_less() -> None:
    assert lacking(replace(FIT, memory=int(3.8 * GIB)), again=False) == ""


def test_what_an_earlier_run_has_built_needs_no_room_again() -> None:
    assert lacking(replace(FIT, disk=2 * GIB), again=True) == ""
    assert "1 GiB of free disk" in lacking(replace(FIT, disk=0), again=True)


def test_all_that_is_missing_is_one_sentence() -> None:
    said = lacking(replace(FIT, root=False, memory=0), again=False)
    assert "root, or a container engine" in said
    assert " and 4 GiB of memory" in said


def test_this_machine_is_looked_at_as_it_is(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert found.linux
    assert found.root == (os.geteuid() == 0)
    assert found.disk > 0
    assert found.memory > GIB // 2
