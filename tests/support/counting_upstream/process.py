"""The upstream as tests have it: started, told what to say, asked what it has counted, and never left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path

import msgspec
import pytest

from tests.support.canaries import Canaries
from tests.support.counting_upstream.counters import Counters, Counts, Seen
from tests.support.counting_upstream.orders import Doors, Let, Order, Tell
from tests.support.counting_upstream.script import Script
from tests.support.waiting import wait_until

_ROOT = Path(__file__).resolve().parents[3]
_PATIENCE = 10.0


class CountingUpstream:
    """`shape` is how it writes: llamacpp, vllm or openai."""

    def __init__(self, shape: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.journal = folder / "upstream.jsonl"
        self.log_file = folder / "upstream.log"
        self._counters = Counters(self.journal)
        command = [sys.executable, "-m", f"{__package__}", shape, str(self.journal)]
        with self.log_file.open("wb") as log:
            # Its standard input is what holds it: it ends when the test run does, however that ends.
            self._process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        told = self._answer()
        assert told, self.problems()
        self.port = int(told)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        return f"http://{self.address}/v1"

    # What it is told.

    def script(self, *scripts: Script, case: str = "") -> None:
        """For requests of this case, one after the other, the last for all that follow; no case means all others.

        A request is of the case that `marked` wrote into it; one without a body is of the case of its path.
        """
        assert scripts, "say at least what the last request is answered with"
        self._tell(Tell(case, scripts))

    def let(self, signal_: str) -> None:
        """Whoever waits for this goes on, and so does whoever comes later."""
        self._tell(Let(signal_))

    def refuse(self) -> None:
        """No more connections are taken; those that are open stay."""
        self._tell(Doors(open=False))

    def accept(self) -> None:
        self._tell(Doors(open=True))

    def hang(self) -> None:
        """Stands still with all its connections, until `go_on`."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """What it has counted stays."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        if self._process.poll() is None:
            self.go_on()
        try:
            self._process.wait(_PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    # What it has counted.

    def requests(self, case: str | None = None) -> list[Seen]:
        """In the order in which they came; of one case, or all. A request is told before it is answered."""
        return [each for each in self._counters.requests() if case is None or each.begun.case == case]

    def total(self, case: str | None = None) -> Counts:
        """Right at any time for all that anybody has got: it counts before it sends."""
        return reduce(Counts.__add__, (each.counts for each in self.requests(case)), Counts())

    def wait_held(self, signal_: str, count: int = 1) -> list[Seen]:
        """Until so many requests wait, or have waited, for this."""

        def held() -> list[Seen]:
            found = [each for each in self.requests() if signal_ in each.held]
            return found if len(found) >= count else []

        return wait_until(held, _PATIENCE, lambda: f"{count} requests wait for {signal_!r}{self._story()}")

    def wait_ended(self, case: str | None = None, count: int = 1, seconds: float = _PATIENCE) -> list[Seen]:
        """Until so many requests are over, one way or the other."""

        def ended() -> list[Seen]:
            found = [each for each in self.requests(case) if not each.running]
            return found if len(found) >= count else []

        return wait_until(ended, seconds, lambda: f"{count} requests are over{self._story()}")

    def problems(self) -> str:
        """What it has to say about itself: nothing, unless the harness is wrong."""
        return self.log_file.read_text(errors="replace")

    def _story(self) -> str:
        told = [f"\n{each.begun.case or each.begun.path}: {each.how or 'running'}" for each in self.requests()[-10:]]
        return "".join(told) + self.problems()

    def _tell(self, order: Order) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        assert self._answer() == "ok", self.problems()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()


@contextmanager
def counting_upstream(shape: str, folder: Path) -> Iterator[CountingUpstream]:
    """From here to the end of the block; for tests that share one, each with cases of its own."""
    upstream = CountingUpstream(shape, folder)
    try:
        yield upstream
    finally:
        upstream.end()
    assert not upstream.problems()


StartUpstream = Callable[[str], CountingUpstream]


@pytest.fixture
def start_upstream(tmp_path: Path, canaries: Canaries) -> Iterator[StartUpstream]:
    """Starts upstreams of a shape; all of them end with the test. Their journals may hold what was sent to them."""
    started: list[CountingUpstream] = []

    def start(shape: str) -> CountingUpstream:
        started.append(CountingUpstream(shape, tmp_path / f"upstream-{len(started)}"))
        canaries.allow(started[-1].journal)
        return started[-1]

    yield start
    for upstream in started:
        upstream.end()
    assert not [problems for upstream in started if (problems := upstream.problems())]
