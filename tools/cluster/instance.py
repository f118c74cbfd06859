"""One named cluster: everything that could clash with another one follows from its name and its checkout."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.cluster.errors import ClusterError

CHECKOUT = Path(__file__).resolve().parents[2]
SHAPES = ("api", "control", "node")
SLOTS = 128
MOST_NODES = 9
_NOTE = "instance.json"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


def state_root() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "plimsoll" / "clusters"


@dataclass(frozen=True)
class Instance:
    """Names, folders, ports and addresses of one cluster; a value, it touches nothing."""

    name: str
    identity: str
    slot: int
    shape: str

    @property
    def folder(self) -> Path:
        return state_root() / self.identity

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def records(self) -> Path:
        return self.folder / "processes"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.jsonl"

    def port(self, use: str) -> int:
        return (
            24000 + 8 * self.slot + ("etcd", "etcd-peer", "api", "controller-manager", "scheduler", "kwok").index(use)
        )

    def address(self, network: int, host: int) -> str:
        return f"10.{128 + self.slot}.{network}.{host}"

    @property
    def host_address(self) -> str:
        """The host's end of the nodes' network."""
        return self.address(254, 1)

    @property
    def api_address(self) -> tuple[str, int]:
        """On the nodes' network where there is one, else on loopback: never on the machine's own address."""
        return (self.host_address, 6443) if self.shape == "node" else ("127.0.0.1", self.port("api"))

    @property
    def api_url(self) -> str:
        return "https://{}:{}".format(*self.api_address)

    @property
    def pod_network(self) -> str:
        return f"{self.address(0, 0)}/20"

    @property
    def service_network(self) -> str:
        return f"{self.address(64, 0)}/18"

    @property
    def dns_address(self) -> str:
        return self.address(64, 10)

    @property
    def bridge(self) -> str:
        return f"plm{self.slot}"

    @property
    def cgroup_prefix(self) -> str:
        return f"plimsoll-{self.identity}-"


def identity_of(name: str, checkout: Path = CHECKOUT) -> str:
    if not _NAME.fullmatch(name):
        raise ClusterError(f"{name!r} cannot name a cluster: use 1 to 20 of a-z, 0-9 and -, beginning with a letter.")
    digest = hashlib.sha256(f"{checkout}\n{name}".encode()).hexdigest()
    return f"{name}-{digest[:6]}"


def first_slot(identity: str) -> int:
    return int(hashlib.sha256(identity.encode()).hexdigest(), 16) % SLOTS


def free_slot(wanted: int, taken: set[int]) -> int:
    for step in range(SLOTS):
        slot = (wanted + step) % SLOTS
        if slot not in taken:
            return slot
    raise ClusterError(f"All {SLOTS} places for clusters are in use: see `python -m tools.cluster list`.")


def existing() -> list[Instance]:
    """Every instance of this user that has a run folder, of all checkouts."""
    found = []
    for path in sorted(state_root().glob(f"*/{_NOTE}")):
        # One that is taken down at this very moment is no longer there.
        with suppress(FileNotFoundError):
            found.append(Instance(**json.loads(path.read_text())))
    return found


def find(name: str) -> Instance | None:
    """By name in this checkout, or by full identity from anywhere (a deleted checkout leaves no other way)."""
    identities = {identity_of(name), name} if _NAME.fullmatch(name) else {name}
    return next((each for each in existing() if each.identity in identities), None)


def create(name: str, shape: str) -> Instance:
    """The instance with its place reserved on disk; one that is there is found as `find` does."""
    with locked(state_root() / "lock"):
        if found := find(name):
            return found
        identity = identity_of(name)
        slot = free_slot(first_slot(identity), {each.slot for each in existing()})
        instance = Instance(name, identity, slot, shape)
        for folder in (instance.folder, instance.logs, instance.pki, instance.records):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        write_atomically(instance.folder / _NOTE, json.dumps(asdict(instance)))
        return instance


def remove(instance: Instance) -> None:
    """Its note goes last: whatever is interrupted before is still known, and `down` can be run again."""
    for entry in instance.folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _NOTE:
            entry.unlink()
    shutil.rmtree(instance.folder)


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    temporary = path.with_name(path.name + ".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go of the lock when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
