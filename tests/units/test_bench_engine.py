"""What the bench of the engine counts, whom it compares, and what it refuses to count."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest

from bench.engine import arms, comparing
from bench.engine.answers import Answer, Counted
from bench.engine.arms import Arm, Room
from bench.engine.duels import OURS, PEER, Cell, Duel
from bench.engine.load import Burst, play
from bench.engine.prompts import CHAT, SAMPLED, Workload, requests, words
from bench.engine.servers import Load, Server
from bench.frame.errors import BenchError
from tests.support.canned_server import CannedServer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
TOKEN = b'data: {"choices":[{"text":"a","finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"text":"","finish_reason":"length"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens": 2}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = (HEAD, TOKEN, TOKEN, LAST, USAGE, DONE)


def answer(*pieces: bytes) -> Answer:
    taken = Answer(asked_at=10.0)
    for second, piece in enumerate(pieces):
        taken.take(piece, 10.0 + second)
    return taken


def test_the_first_token_counts_from_the_request_and_not_the_head() -> None:
    assert answer(*WHOLE).read(2) == Counted(first_token_seconds=1.0, tokens=2, prompt_tokens=7)


def test_a_server_that_counts_nothing_is_believed_when_it_ends_for_the_length() -> None:
    assert answer(HEAD, TOKEN, LAST, DONE).read(64) == Counted(1.0, 64, 0)


@pytest.mark.parametrize(
    ("pieces", "complaint"),
    [
        ((HEAD, TOKEN, LAST), "no whole answer"),
        ((b'HTTP/1.1 400 Bad Request\r\n\r\n{"error": "no"}',), "400 Bad Request"),
        ((HEAD, TOKEN, LAST.replace(b"length", b"stop"), USAGE, DONE), "ended with 'stop'"),
        ((HEAD, TOKEN, LAST, USAGE.replace(b" 2", b" 3"), DONE), "2 tokens were asked for and 3 counted"),
    ],
)
def test_an_answer_that_is_not_as_long_as_the_others_is_not_counted(pieces: Sequence[bytes], complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        answer(*pieces).read(2)


@pytest.fixture
def canned() -> Iterator[Callable[..., CannedServer]]:
    with ExitStack() as stack:

        def start(pieces: Sequence[bytes], together: int = 1) -> CannedServer:
            server = CannedServer(pieces, together)
            stack.callback(server.close)
            return server

        yield start


def test_so_many_clients_ask_at_once_and_never_more(canned: Callable[..., CannedServer]) -> None:
    server = canned(WHOLE, together=3)
    burst = play(server.port, [b"%d" % number for number in range(9)], 3, new_tokens=2)
    assert server.most_at_once == 3
    assert sorted(server.asked) == [b"%d" % number for number in range(9)]
    assert (burst.tokens, burst.prompt_tokens) == (18, 63)


def test_an_answer_that_is_cut_off_is_told(canned: Callable[..., CannedServer]) -> None:
    server = canned(WHOLE[:3])
    with pytest.raises(BenchError, match="no whole answer"):
        play(server.port, [b"one"], 1, new_tokens=2)


def burst(seconds: float, tokens: int = 100, waited: float = 0.5) -> Burst:
    return Burst(seconds, (Counted(waited, tokens, 10),), client_seconds=0.001, server_seconds=0.2)


def test_every_prompt_is_another_one_and_the_same_seed_makes_the_same() -> None:
    made = requests(Workload(), 50, random.Random(1))
    assert len(set(made)) == 50
    assert made == requests(Workload(), 50, random.Random(1))
    assert len(words(100, random.Random(1)).split()) == 100


def test_a_request_says_all_that_servers_have_defaults_for() -> None:
    (asked,) = requests(Workload(new_tokens=9, path=CHAT, extra={"n": 1}), 1, random.Random(1))
    head, body = asked.split(b"\r\n\r\n")
    told = orjson.loads(body)
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert {name: told[name] for name in SAMPLED} == SAMPLED
    assert (told["max_tokens"], told["n"], told["stream_options"]) == (9, 1, {"include_usage": True})


class FakeServer(Server):
    """Answers at once, each time more slowly, and remembers what it was asked."""

    def __init__(self, name: str, journal: list[tuple[str, Sequence[bytes]]]) -> None:
        self.arm = Arm(name, "/", [])
        self._journal = journal
        self._seconds = 0.0

    @property
    def running(self) -> bool:
        return True

    def play(self, load: Load) -> Burst:
        self._journal.append((self.arm.name, load.requests))
        self._seconds += 1.0
        return burst(self._seconds)

    def peak_bytes(self) -> int:
        return 5


def duel(journal: list[tuple[str, Sequence[bytes]]], cells: int) -> Duel:
    servers: Mapping[str, Server] = {side: FakeServer(side, journal) for side in (OURS, PEER)}
    made = [Cell(f"cell {number}", servers, Workload(), clients=2, requests=4) for number in range(cells)]
    figures = comparing.rows({f"row {number}": (f"cell {number}", comparing.peak_memory) for number in range(cells)})
    return Duel(made, figures, random.Random(3))


def test_both_sides_of_a_pair_answer_the_same_requests_one_right_after_the_other() -> None:
    journal: list[tuple[str, Sequence[bytes]]] = []
    duel(journal, cells=4).ours(lambda row, figure: None)
    pairs = [journal[start : start + 2] for start in range(0, 8, 2)]
    assert len(journal) == 8
    for first, second in pairs:
        assert {first[0], second[0]} == {OURS, PEER}
        assert first[1] == second[1]
    assert len({first[0] for first, _ in pairs}) == 2, "who goes first changes"


def test_a_repetition_is_measured_once_for_both_sides_and_the_next_one_anew() -> None:
    journal: list[tuple[str, Sequence[bytes]]] = []
    held = duel(journal, cells=1)
    recorded: dict[str, float] = {}
    for side in (held.ours, held.peer, held.peer, held.ours):
        side(recorded.__setitem__)
    assert len(journal) == 4
    assert recorded == {"row 0": 5}


def test_the_mean_of_the_cells_is_geometric_and_a_row_more() -> None:
    figures = comparing.with_mean("mean", lambda bursts, servers: {"one": 2.0, "other": 8.0})
    assert figures({}, {}) == {"one": 2.0, "other": 8.0, "mean": pytest.approx(4.0)}
    ours, peers = [2.0, 3.0], [1.0, 4.0]
    ratio = comparing.geometric_mean(ours) / comparing.geometric_mean(peers)
    assert ratio == pytest.approx(math.sqrt(2.0 * 0.75))


def test_figures_are_of_the_whole_burst() -> None:
    server, seen = FakeServer("ours", []), burst(seconds=4.0)
    assert comparing.tokens_per_second(seen, server) == 25
    assert comparing.prompt_tokens_per_second(seen, server) == 2.5
    assert comparing.first_token(seen, server) == 0.5
    assert comparing.processor_seconds_per_token(seen, server) == pytest.approx(0.002)
    assert comparing.tokens_per_processor_second(seen, server) == 500
    assert comparing.client_seconds_per_token(seen, server) == pytest.approx(1e-5)


def test_all_servers_get_the_same_threads_and_room() -> None:
    room = Room(slots=4, tokens=256)
    ours = arms.ours(Path("/engine"), room).serve(Path("/m.gguf"), 1)
    native = arms.llama_server(Path("/llama-server"), room).serve(Path("/m.gguf"), 1)
    assert ours[ours.index("--context") + 1] == "256"
    assert native[native.index("--ctx-size") + 1] == "1024"
    for command in (ours, native):
        assert command[command.index("--parallel") + 1] == "4"
        assert command[command.index("--threads") + 1] == "2"
        assert command[-4:] == ["--model", "/m.gguf", "--port", "1"]


def test_the_python_server_is_told_not_to_interrupt() -> None:
    command = arms.python_server(Path("/python")).serve(Path("/m.gguf"), 1)
    assert command[command.index("--interrupt_requests") + 1] == "False"
