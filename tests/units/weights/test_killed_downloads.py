"""The real command, killed by the kernel at bytes that the server chose: what was safe does not come again."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plimsoll.weights.spans import Span, Spans
from tests.support.fetching import FetchProcess, files_in, whole
from tests.support.form import Form
from tests.support.gguf_maker import Made
from tests.support.model_server import Asked, Content, Given, ModelServer, Reply, changed, served
from tests.support.waiting import wait_until

MIB = 1 << 20
SIZE = 96 * MIB
CHUNK = 16 * MIB


class Killer:
    """Counts what goes out, and kills a process as soon as that is so much."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None
        self._pid = 0

    def aim(self, pid: int, after: int) -> None:
        with self._lock:
            self._pid, self._left = pid, after

    def watch(self, _: Asked, reply: Reply) -> Reply:
        assert not isinstance(reply.body, Content)
        return Reply(reply.status, reply.headers, self._counted(reply.body), reply.length)

    def _counted(self, body: Iterator[bytes]) -> Iterator[bytes]:
        for part in body:
            yield part
            with self._lock:
                if self._left is not None:
                    self._left -= len(part)
                    if self._left <= 0:
                        os.kill(self._pid, signal.SIGKILL)
                        self._left = None


@pytest.fixture(scope="module")
def content(tiny: Made) -> Content:
    return whole(tiny, SIZE)


@pytest.fixture
def killer(server: ModelServer, content: Content) -> Killer:
    found = Killer()
    server.routes["/x.gguf"] = changed(served(content), found.watch)
    return found


def covered(given: list[Given]) -> Spans:
    found = Spans()
    for each in given:
        found.add(Span(each.begin, each.begin + each.count))
    return found


def again(earlier: list[Given], later: list[Given]) -> int:
    """How many bytes went out in both."""
    return covered(earlier).size + covered(later).size - covered(earlier + later).size


def test_a_download_killed_five_times_reads_at_most_a_chunk_again_each_time(
    server: ModelServer, content: Content, killer: Killer, tmp_path: Path, form: Form
) -> None:
    source = {"http": {"url": f"{server.base}/x.gguf"}, "sha256": hashlib.sha256(content.data).hexdigest()}
    rng, folder, earlier = random.Random(form.seed), tmp_path / "models", list[Given]()
    read_again = []
    for _ in range(5):
        process = FetchProcess(source, folder, server.host)
        killer.aim(process.pid, rng.randrange(2 * MIB, 30 * MIB))
        assert process.ended()[0] == -signal.SIGKILL
        assert files_in(folder) == []
        given = list(server.given)
        server.given.clear()
        read_again.append(again(earlier, given))
        earlier += given
    code, output = FetchProcess(source, folder, server.host).ended()
    assert code == 0, output
    assert "are here already" in output
    assert (folder / "x.gguf").read_bytes() == content.data
    read_again.append(again(earlier, server.given))
    print(read_again)
    assert max(read_again) <= CHUNK, [f"{each / MIB:.1f} MiB" for each in read_again]


def test_whoever_was_asked_to_end_leaves_the_lock_and_what_came(
    server: ModelServer, content: Content, killer: Killer, tmp_path: Path
) -> None:
    source, folder = {"http": {"url": f"{server.base}/x.gguf"}}, tmp_path / "models"
    goes_on = threading.Event()

    def held(asked: Asked, reply: Reply) -> Reply:
        def body() -> Iterator[bytes]:
            assert not isinstance(reply.body, Content)
            for part in reply.body:
                yield part
                if server.sent > SIZE // 2:
                    goes_on.wait(10)

        return Reply(reply.status, reply.headers, body(), reply.length)

    server.routes["/x.gguf"] = changed(served(content), held)
    process = FetchProcess(source, folder, server.host)
    wait_until(lambda: server.sent > SIZE // 2, 30, "half of the file went out")
    os.kill(process.pid, signal.SIGTERM)
    code, output = process.ended(10)
    goes_on.set()
    assert code == 128 + signal.SIGTERM, output
    assert (folder / ".plimsoll" / "lock-1").read_text().startswith("free")
    server.routes["/x.gguf"] = served(content)
    assert FetchProcess(source, folder, server.host).ended()[0] == 0
    assert (folder / "x.gguf").read_bytes() == content.data
