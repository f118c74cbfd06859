"""The bench of the demo, with a demo that only writes down that it was called."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

import pytest

from bench.demo.life import Demo
from bench.frame.clone import Clone
from bench.frame.errors import CommandError
from bench.frame.scratch import Scratch

# It hangs where its first line says so, the first time in each clone.
_MAKEFILE = """
HANGS := {hangs}
demo:
	@mkdir -p $$XDG_STATE_HOME && echo demo >> $$XDG_STATE_HOME/said
	@if [ $(HANGS) = yes ] && [ ! -e begun ] && [ -e $$XDG_STATE_HOME/warm ]; then touch begun && sleep 1000; fi
	@touch $$XDG_STATE_HOME/warm
	@echo ended >> $$XDG_STATE_HOME/said
demo-down:
	@echo down >> $$XDG_STATE_HOME/said
"""


def demo_of(folder: Path, hangs: str = "no", whole: float | None = None) -> Demo:
    (folder / "Makefile").write_text(_MAKEFILE.format(hangs=hangs))
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for words in (("init", "--quiet"), ("add", "Makefile"), (*who, "commit", "--quiet", "-m", "a demo")):
        subprocess.run(("git", *words), cwd=folder, check=True)
    scratch = Scratch(folder / "pointer")
    return Demo(Clone(folder, scratch, "later", folder / "log", own_caches=False), whole=whole)


def said(demo: Demo) -> list[str]:
    return (demo.clone.scratch.folder / "state" / "said").read_text().split()


def test_caches_are_warm_before_anything_counts(tmp_path: Path) -> None:
    demo, found = demo_of(tmp_path), dict[str, float]()
    demo.measure_warm(found.__setitem__)
    assert said(demo) == ["demo", "ended", "down", *["demo", "ended"] * 2, "down"]
    assert list(found) == ["warm", "again", "down"]


def test_a_demo_that_was_killed_is_called_again_and_taken_down(tmp_path: Path) -> None:
    demo, found = demo_of(tmp_path, hangs="yes", whole=2.0), dict[str, float]()
    demo.measure_killed(found.__setitem__)
    warm, later = said(demo)[:3], said(demo)[3:]
    assert warm == ["demo", "ended", "down"]
    # On a slow machine the first call was killed before it could say anything.
    assert later in (["demo", "demo", "ended", "down"], ["demo", "ended", "down"])
    assert list(found) == ["after-a-kill"]


def test_a_demo_that_ended_before_it_was_killed_shows_nothing(tmp_path: Path) -> None:
    demo, found = demo_of(tmp_path, whole=60.0), dict[str, float]()
    with pytest.raises(CommandError, match="ended by itself before it could be killed"):
        demo.measure_killed(found.__setitem__)
    assert found == {}


def test_a_demo_is_killed_within_the_time_that_a_whole_one_takes(tmp_path: Path) -> None:
    demo, found = demo_of(tmp_path), dict[str, float]()
    demo.measure_warm(found.__setitem__)
    # This one is over at once, so that it may end first all the same.
    with contextlib.suppress(CommandError):
        demo.measure_killed(found.__setitem__)
    killed = re.search(r"killed after ([0-9.]+) s", demo.clone.log.read_text())
    assert killed is not None
    # The log has one decimal.
    assert float(killed[1]) <= found["warm"] + 0.05


def test_a_demo_that_does_not_end_well_has_no_figure(tmp_path: Path) -> None:
    demo, found = demo_of(tmp_path), dict[str, float]()
    (tmp_path / "Makefile").write_text("demo:\n\t@false\n")
    subprocess.run(
        ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-am", "worse"),
        cwd=tmp_path,
        check=True,
    )
    with pytest.raises(CommandError):
        demo.measure_cold(found.__setitem__)
    assert found == {}


def test_what_never_ran_is_not_taken_down(tmp_path: Path) -> None:
    demo = demo_of(tmp_path)
    demo.down()
    assert not demo.clone.scratch.exists
