"""One thread that makes durable what was written: all of the last moment at once, and nobody waits for it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from plimsoll.ledger.files import sync_folder

# In seconds, from the first record of a group to its fsync; so much is at stake when the power fails.
GROUP = 0.04

Pause = Callable[[threading.Event], object]


@dataclass(frozen=True, slots=True)
class Pace:
    """How the thread waits for more, unless the event ends it, and what makes a file durable."""

    pause: Pause = lambda ending: ending.wait(GROUP)
    fsync: Callable[[int], None] = os.fsync


class Syncing:
    def __init__(self, folder: Path, pace: Pace, synced: int) -> None:
        self._folder = folder
        self._pace = pace
        self._dirty = threading.Event()
        self._ending = threading.Event()
        self._written: tuple[FileIO | None, int] = (None, synced)
        self._retired: deque[FileIO] = deque()
        self._removed: deque[Path] = deque()
        # Up to this number records survive a loss of power.
        self.synced = synced
        # After a failed fsync nobody knows what the disk holds, and a second one would say that all is well.
        self.trouble: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def wrote(self, file: FileIO, number: int) -> None:
        """Everything up to this number lies in this file or in one that was retired before."""
        self._written = (file, number)
        self._wake()

    def retire(self, file: FileIO) -> None:
        """Nothing more is written to it; it is closed when it is durable."""
        self._retired.append(file)
        self._wake()

    def remove(self, path: Path) -> None:
        """Taking away a large file can last, so it is done beside."""
        self._removed.append(path)
        self._wake()

    def close(self) -> None:
        self._ending.set()
        self._dirty.set()
        self._thread.join()

    def _wake(self) -> None:
        if not self._dirty.is_set():  # far cheaper than to set it again
            self._dirty.set()

    def _run(self) -> None:
        while not self._ending.is_set() or self._dirty.is_set():
            self._dirty.wait()
            self._pace.pause(self._ending)
            self._dirty.clear()
            try:
                self._sync()
            except OSError as error:
                self.trouble = self.trouble or error

    def _sync(self) -> None:
        # Taken before anything is closed: what is retired meanwhile is either among that, or still open.
        file, number = self._written
        self._close_retired()
        if file is not None and not file.closed:
            self._pace.fsync(file.fileno())
        while self._removed:
            self._removed.popleft().unlink(missing_ok=True)
        if self.trouble is None:
            self.synced = number

    def _close_retired(self) -> None:
        while self._retired:
            with self._retired.popleft() as file:
                self._pace.fsync(file.fileno())
            if not self._retired:
                # Another file was made for this one; after a loss of power its name could be gone.
                sync_folder(self._folder)
