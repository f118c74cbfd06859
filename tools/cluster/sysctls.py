"""Settings of the whole machine that a kubelet changes: noted before the first node, put back after the last."""

from __future__ import annotations

import json
from pathlib import Path

from tools.cluster.instance import existing, locked, state_root, write_atomically

_CHANGED = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def note() -> None:
    with locked(state_root() / "sysctls.lock"):
        if not _notes().exists():
            values = {name: _path(name).read_text().strip() for name in _CHANGED if _path(name).exists()}
            write_atomically(_notes(), json.dumps(values))


def put_back() -> None:
    with locked(state_root() / "sysctls.lock"):
        if not _notes().exists() or any(each.shape == "node" for each in existing()):
            return
        for name, value in json.loads(_notes().read_text()).items():
            if _path(name).read_text().strip() != value:
                _path(name).write_text(value)
        _notes().unlink()


def _notes() -> Path:
    return state_root() / "sysctls.json"


def _path(name: str) -> Path:
    return Path("/proc/sys") / name
