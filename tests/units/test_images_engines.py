"""Which engine builds: told from commands on the PATH that were put there for the test."""

from pathlib import Path

import pytest

from tools.cluster.progress import Silent
from tools.images.commands import Commands
from tools.images.engines import Engine, choose
from tools.images.errors import ImageError

ROOT = Path(__file__).parents[2]


class Machine:
    """A PATH with only the commands that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, *commands: str, answering: bool = True) -> None:
        for command in commands:
            path = self.folder / command
            path.write_text(f"#!/bin/sh\nexit {0 if answering else 1}\n")
            path.chmod(0o755)

    def choose(self, wanted: str = "auto", base: str = "") -> Engine:
        return choose(wanted, base, ROOT, Commands(self.folder / "build.log"), Silent())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Machine(tmp_path)


def test_buildah_is_taken_first_because_it_needs_no_daemon_and_no_registry(machine: Machine) -> None:
    machine.has("buildah", "mmdebstrap", "docker", "podman")
    assert machine.choose().name == "buildah"


def test_buildah_without_means_to_make_a_base_leaves_the_work_to_others(machine: Machine) -> None:
    machine.has("buildah", "docker")
    assert machine.choose().name == "docker"
    assert machine.choose(base="somewhere/python:3.11").name == "buildah"


def test_a_docker_command_without_a_daemon_counts_as_absent(machine: Machine) -> None:
    machine.has("docker", answering=False)
    machine.has("podman")
    assert machine.choose().name == "podman"


def test_an_engine_that_was_asked_for_and_does_not_answer_is_an_error(machine: Machine) -> None:
    machine.has("docker", answering=False)
    with pytest.raises(ImageError, match="docker does not answer"):
        machine.choose("docker")


def test_a_machine_that_cannot_build_is_told_which_packages_to_install(machine: Machine) -> None:
    with pytest.raises(ImageError, match="apt-get install buildah mmdebstrap"):
        machine.choose()


def test_another_base_is_another_input(machine: Machine) -> None:
    machine.has("buildah", "mmdebstrap", "docker")
    for engine in ("buildah", "docker"):
        assert machine.choose(engine).inputs() != machine.choose(engine, base="somewhere/python:3.11").inputs()
