"""What `tools/system-packages` does on machines that differ in what they have."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "system-packages"
NAMESPACES = ("mount", "nsenter", "setpriv", "umount", "unshare")
COMPILER = ("c++", "cc", "cmake", "ninja")
NEEDED = (*NAMESPACES, *COMPILER, "buildah", "git", "ip", "mmdebstrap", "nft", "ps", "runc", "sysctl")
# What the script itself calls; everything else is hidden from it.
TOOLS = ("dirname", "grep", "mktemp", "python3", "rm", "tail")
REFUSE_WITHOUT_LISTS = (
    'case "$*" in *install*) [ -e {lists} ] || { echo "E: Unable to locate package" ; exit 100; } ;; esac'
)


@dataclass(frozen=True)
class Machine:
    """A PATH of our own making, with an apt-get that writes down what it is asked."""

    folder: Path

    def put(self, name: str, script: str = "") -> None:
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def remove(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink()

    def put_apt(self, behaviour: str = "") -> None:
        self.put("apt-get", f'echo "$*" >> {self.folder}/asked\n{behaviour}')

    def asked(self) -> list[str]:
        """The verb and the packages of every call of apt-get."""
        journal = self.folder / "asked"
        lines = journal.read_text().splitlines() if journal.exists() else []
        return [" ".join(word for word in line.split() if not word.startswith(("-", "DPkg"))) for line in lines]

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.folder), "TMPDIR": str(self.folder)}
        return subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Root on a machine that has everything."""
    made = Machine(tmp_path)
    for name in TOOLS:
        real = shutil.which(name)
        assert real
        (tmp_path / name).symlink_to(real)
    for name in NEEDED:
        made.put(name)
    made.put("id", "echo 0")
    made.put_apt()
    return made


def test_a_machine_that_has_everything_is_left_alone_in_silence(machine: Machine) -> None:
    done = machine.run()
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert machine.asked() == []


@pytest.mark.parametrize("command", NEEDED)
def test_each_command_that_is_missing_is_noticed(machine: Machine, command: str) -> None:
    machine.remove(command)
    assert machine.run().stdout.startswith("system packages: installing")


def test_root_installs_only_what_is_missing_and_fetches_no_lists(machine: Machine) -> None:
    machine.remove("buildah", "nft")
    done = machine.run()
    assert (done.returncode, done.stdout) == (0, "system packages: installing nftables buildah\n")
    assert machine.asked() == ["install nftables buildah"]


def test_the_package_lists_are_fetched_when_apt_get_does_not_know_a_package(machine: Machine) -> None:
    machine.remove("runc")
    lists = machine.folder / "lists"
    machine.put_apt(REFUSE_WITHOUT_LISTS.replace("{lists}", str(lists)) + f'\n[ "$1" != update ] || : > {lists}')
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.asked() == ["install runc", "update", "install runc"]


def test_a_failed_installation_is_told_in_one_line_and_the_rest_goes_on(machine: Machine) -> None:
    machine.remove("runc")
    machine.put_apt("echo noise; echo 'E: no space left'; exit 100")
    done = machine.run()
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "could not install runc; apt-get said: E: no space left" in done.stderr


def test_anyone_but_root_is_told_what_to_install(machine: Machine) -> None:
    machine.remove("runc")
    machine.put("id", "echo 1000")
    done = machine.run()
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "apt-get install runc" in done.stdout
    assert machine.asked() == []


def test_a_system_without_apt_get_is_told_what_is_missing(machine: Machine) -> None:
    machine.remove("apt-get", "ip")
    done = machine.run()
    assert done.returncode == 0
    assert "not here: iproute2" in done.stdout
