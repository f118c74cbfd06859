"""The demo as a newcomer calls it: the first time, again, and after it was killed at some moment."""

import contextlib
import os
import random
import signal
import subprocess

from bench.frame.clone import Clone
from bench.frame.errors import CommandError
from bench.frame.runner import Record

# Far above the bars, so that a miss is measured and not cut off.
COLD_LIMIT, WARM_LIMIT, DOWN_LIMIT = 5400.0, 1200.0, 300.0


class Demo:
    """In one clone. After `down` nothing runs, and the caches stay."""

    def __init__(self, clone: Clone, seed: int = 20261122, whole: float | None = None) -> None:
        self.clone = clone
        # How long a whole one takes with warm caches, once that is known.
        self._whole = whole
        self._random = random.Random(seed)  # noqa: S311
        self._is_warm = False

    def measure_cold(self, record: Record) -> None:
        record("cold", self.clone.make().seconds("make", "demo", limit=COLD_LIMIT))
        self._is_warm = True
        self.down()

    def measure_warm(self, record: Record) -> None:
        """From a fresh clone, and then once more where all of it runs."""
        self._warm_up()
        commands = self.clone.make()
        self._whole = commands.seconds("make", "demo", limit=WARM_LIMIT)
        record("warm", self._whole)
        record("again", commands.seconds("make", "demo", limit=WARM_LIMIT))
        record("down", commands.seconds("make", "demo-down", limit=DOWN_LIMIT))

    def measure_killed(self, record: Record) -> None:
        """Killed at a moment that nobody chose; the next call goes on and ends well, or this fails."""
        self._warm_up()
        if self._whole is None:
            self._whole = self.clone.make().seconds("make", "demo", limit=WARM_LIMIT)
            self.down()
        commands = self.clone.make()
        self._kill_after(self._random.uniform(0.0, self._whole))
        record("after-a-kill", commands.seconds("make", "demo", limit=WARM_LIMIT))
        self.down()

    def down(self) -> None:
        if self.clone.has_run:
            self.clone.commands().run("make", "demo-down", limit=DOWN_LIMIT)

    def _warm_up(self) -> None:
        if not self._is_warm:
            self.clone.make().run("make", "demo", limit=COLD_LIMIT)
            self.down()
            self._is_warm = True

    def _kill_after(self, seconds: float) -> None:
        commands = self.clone.commands()
        with commands.log.open("ab") as log:
            log.write(f"$ make demo # and killed after {seconds:.1f} s\n".encode())
            log.flush()
            process = subprocess.Popen(
                ("make", "demo"), cwd=commands.folder, env={**os.environ, **commands.environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            process.wait(seconds)
            raise CommandError(f"`make demo` ended by itself before it could be killed after {seconds:.1f} s")
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
