"""Everything a cluster could leave on its host, as one value before and one after."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.cluster.instance import Instance, existing
from tools.cluster.process import ProcessTable

_CGROUPS = Path("/sys/fs/cgroup")
_FOLDERS = ("/var/log", "/var/lib", "/run", "/opt", "/etc", "/usr/libexec")
_FOLDER_DEPTH = 3
# These change by themselves on a working machine and are nothing that a kubelet or a containerd would write to.
_BUSY_FOLDERS = frozenset(
    {
        "/var/lib/apt",  # packages that are being installed
        "/var/lib/containers",  # image builds
        "/run/containers",
        "/var/lib/dpkg",
        "/var/lib/systemd",
        "/var/log/journal",
        "/run/log",
        "/run/systemd",
        "/run/udev",
        "/run/user",
    }
)
_BUSY_CGROUPS = ("system.slice", "user.slice", "init.scope")
_NAMESPACES = ("net", "mnt", "pid", "ipc", "uts", "cgroup")
_SETTINGS = (
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


@dataclass(frozen=True)
class World:
    """By kind of thing: what is there, and a word about it for the reader of a failed test."""

    found: dict[str, dict[str, str]]

    def left_since(self, before: World) -> list[str]:
        """What is here now and was not before."""
        return [
            f"{kind}: {thing} {detail}".rstrip()
            for kind, things in self.found.items()
            for thing, detail in things.items()
            if thing not in before.found[kind]
        ]


@dataclass(frozen=True)
class _Neighbours:
    """Other clusters on this machine; what is theirs may come and go meanwhile."""

    instances: tuple[Instance, ...]

    def own(self, text: str) -> bool:
        return any(
            re.search(
                rf"{each.identity}|\b{each.bridge}(n\d)?\b|\b{re.escape(each.address(0, 0).removesuffix('0.0'))}", text
            )
            for each in self.instances
        )

    def processes(self) -> frozenset[int]:
        tables = (ProcessTable(each.records, each.logs) for each in self.instances)
        return frozenset(process.pid for table in tables for process in table.all())


def look(identity: str) -> World:
    """The host now, as far as the cluster with this identity could have changed it."""
    neighbours = _Neighbours(tuple(each for each in existing() if each.identity != identity))
    found = {
        "process": dict(_processes(identity)),
        "namespace": dict(_namespaces(neighbours.processes())),
        "mount": dict(_mounts()),
        "link": dict.fromkeys(_lines("ip", "-o", "link", field=1), ""),
        "route": dict.fromkeys(_lines("ip", "route", "show", "table", "all"), ""),
        "rule": dict.fromkeys(_lines("ip", "rule"), ""),
        "nft": dict.fromkeys(_nft_tables(), ""),
        "cgroup": dict.fromkeys(_cgroups(), ""),
        "file": dict.fromkeys(_files(), ""),
        # The whole machine has one of each, and the last cluster to leave puts them back.
        "setting": {} if neighbours.instances else dict.fromkeys(_settings(), ""),
    }
    return World({kind: _without(things, neighbours) for kind, things in found.items()})


def _without(things: dict[str, str], neighbours: _Neighbours) -> dict[str, str]:
    return {thing: detail for thing, detail in things.items() if not neighbours.own(thing)}


def _processes(identity: str) -> Iterator[tuple[str, str]]:
    """Those whose command, folder or control group carries the identity."""
    for process in _pids():
        command = _read(process / "cmdline").replace("\0", " ").strip()
        told = (command, _target(process / "cwd"), _target(process / "root"), _read(process / "cgroup"))
        if any(identity in each for each in told):
            yield process.name, command


def _namespaces(neighbours: frozenset[int]) -> Iterator[tuple[str, str]]:
    """Also those without a name: a namespace lives as long as one process is in it."""
    families = {int(path.name): _parent_and_birth(path) for path in _pids()}
    for process in _pids():
        if process.name != str(os.getpid()) and _is_strange(int(process.name), families, neighbours):
            continue
        for kind in _NAMESPACES:
            if name := _target(process / "ns" / kind):
                yield name, f"(pid {process.name}: {_read(process / 'comm').strip()})"


def _is_strange(pid: int, families: dict[int, tuple[int, int]], neighbours: Iterable[int]) -> bool:
    """Whether another program started it: a lost process of ours has no parent left but the machine's first one."""
    _, began = families[os.getpid()]
    while pid > 1:
        if pid in neighbours:
            return True
        pid, birth = families.get(pid, (0, began))
        if birth < began:
            return True
    return False


def _parent_and_birth(process: Path) -> tuple[int, int]:
    fields = _read(process / "stat").rpartition(")")[2].split()
    return (int(fields[1]), int(fields[19])) if fields else (0, 0)


def _mounts() -> Iterator[tuple[str, str]]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        yield left.split()[4], right


def _nft_tables() -> Iterator[str]:
    if shutil.which("nft") is None:
        return
    table = ""
    for line in _lines("nft", "--stateless", "list", "ruleset"):
        if line.startswith("table"):
            table = line.removesuffix("{").strip()
        yield f"{table}: {line.strip()}"


def _cgroups() -> Iterator[str]:
    for folder, below, _ in os.walk(_CGROUPS):
        below[:] = [name for name in below if name not in _BUSY_CGROUPS]
        yield folder


def _files() -> Iterator[str]:
    for root in _FOLDERS:
        for folder, below, files in os.walk(root):
            here = Path(folder)
            below[:] = [name for name in below if str(here / name) not in _BUSY_FOLDERS]
            yield from (str(here / name) for name in (*below, *files))
            if len(here.parts) - len(Path(root).parts) >= _FOLDER_DEPTH - 1:
                below.clear()


def _settings() -> Iterator[str]:
    for name in _SETTINGS:
        yield f"{name} = {_read(Path('/proc/sys') / name).strip()}"


def _pids() -> Iterator[Path]:
    return (path for path in Path("/proc").iterdir() if path.name.isdigit())


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _lines(*command: str, field: int | None = None) -> list[str]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    return lines if field is None else [line.split()[field] for line in lines]
