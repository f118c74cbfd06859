"""Starts one program that outlives its starter, inside namespaces if asked, and records it before it runs.

A script of its own, run as `python -I -S launch.py ORDER`: entering a PID namespace takes a fork from a process with
one thread, and the program must not die with, or be a zombie of, whoever asked for it.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from typing import Any, NoReturn

_MOUNTS, _PIDS, _NETWORK = 0x00020000, 0x20000000, 0x40000000


def main() -> None:
    order: dict[str, Any] = json.loads(sys.argv[1])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    log_from = os.fstat(log).st_size
    entered = _open_namespaces(order["enter"]) if order["enter"] else {}
    # A PID namespace takes hold of children only: this process stays outside and sees the host's pids.
    if entered:
        _check(_libc().setns(entered["pid"], _PIDS), "setns pid")
    elif order["mounts"] is not None:
        _check(_libc().unshare(_PIDS), "unshare pid")
    wait, recorded = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(recorded)
        _become(order, log, entered, wait)
    _record(order, pid, log_from)
    os.write(recorded, b"!")


def _open_namespaces(pid: int) -> dict[str, int]:
    return {kind: os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt", "pid")}


def _record(order: dict[str, Any], pid: int, log_from: int) -> None:
    """On disk before the program runs: whatever is killed now, `down` still knows what to end."""
    content = json.dumps({"component": order["component"], "pid": pid, "born": _born(pid), "log_from": log_from})
    temporary = order["record"] + ".new"
    with open(temporary, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, order["record"])


def _born(pid: int) -> str:
    if not os.path.exists("/proc/self/stat"):
        return subprocess.check_output(["ps", "-o", "lstart=", "-p", str(pid)], text=True).strip()
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[19]


def _become(order: dict[str, Any], log: int, entered: dict[str, int], wait: int) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        os.setsid()
        if os.read(wait, 1) != b"!":
            os._exit(1)
        if entered:
            _check(_libc().setns(entered["net"], _NETWORK), "setns net")
            _check(_libc().setns(entered["mnt"], _MOUNTS), "setns mnt")
        elif order["mounts"] is not None:
            _check(_libc().unshare(_MOUNTS | _NETWORK), "unshare mounts and network")
            for command in order["mounts"]:
                subprocess.run(command, check=True)
        os.chdir(order["cwd"])
        os.execve(order["argv"][0], order["argv"], order["env"])
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"cannot start {order['argv'][0]}: {error}", file=sys.stderr, flush=True)
    os._exit(127)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
