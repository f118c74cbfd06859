"""One thread of a process in a pod held still, as one that does not come back from a driver; done from its node."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.waiting import wait_until

_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17
_WALL = 0x40000000
_LEAST_TICKS = 30
_SECONDS = 30
_TRIES = 20


def process_of(container_id: str) -> int:
    """The first process of a container, by its number on this machine."""
    name = container_id.rpartition("/")[2]
    found = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and _is_first(each, name)]
    assert len(found) == 1, f"{len(found)} processes are the first one of {container_id}"
    return found[0]


def busiest_thread(pid: int) -> int:
    """The thread that computes: with one thread for computing that is the engine's own."""
    before = _ticks(pid)

    def found() -> int | None:
        gained = {thread: ticks - before.get(thread, 0) for thread, ticks in _ticks(pid).items()}
        thread = max(gained, key=gained.__getitem__)
        return thread if gained[thread] >= _LEAST_TICKS else None

    thread = wait_until(found, _SECONDS, "a thread computes")
    assert thread is not None
    return thread


@contextmanager
def frozen(thread: int, others_go_on: Callable[[], bool]) -> Iterator[None]:
    """For the length of the block this thread does nothing, and the others of its process go on."""
    _freeze(thread, others_go_on)
    over = threading.Event()
    reaper = threading.Thread(target=_reap, args=(thread, over))
    reaper.start()
    try:
        yield
    finally:
        over.set()
        reaper.join()
        # When its process was ended meanwhile, there is nothing to let go.
        with suppress(ProcessLookupError):
            _ptrace(_PTRACE_DETACH, thread)


def _freeze(thread: int, others_go_on: Callable[[], bool]) -> None:
    """Not while it holds what the others need, as Python's lock."""
    for _ in range(_TRIES):
        _ptrace(_PTRACE_ATTACH, thread)
        os.waitpid(thread, _WALL)
        if others_go_on():
            return
        _ptrace(_PTRACE_DETACH, thread)
        wait_until(others_go_on, _SECONDS, "the process is itself again")
    raise AssertionError(f"whenever thread {thread} was held still, its whole process stood still")


def _reap(thread: int, over: threading.Event) -> None:
    """The kernel keeps a process that was ended until whoever froze a thread of it has taken note."""
    while not over.wait(0.2):
        with suppress(ChildProcessError):
            if os.waitpid(thread, _WALL | os.WNOHANG)[0]:
                return


def _is_first(process: Path, container: str) -> bool:
    try:
        if container not in (process / "cgroup").read_text():
            return False
        (numbers,) = (line for line in (process / "status").read_text().splitlines() if line.startswith("NSpid:"))
    except OSError:
        return False
    return numbers.split()[-1] == "1"


def _ticks(pid: int) -> dict[int, int]:
    """Processor time of each thread."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            found[int(task.name)] = int(fields[11]) + int(fields[12])
    return found


def _ptrace(request: int, thread: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(request, thread, None, None) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"ptrace of thread {thread}: {os.strerror(code)}")
