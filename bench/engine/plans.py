"""The experiments: who meets whom with which work, and which rows come of it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.engine import arms, comparing, models
from bench.engine.arms import Arm, Room
from bench.engine.comparing import Measure, rows, tokens_per_second
from bench.engine.duels import OURS, PEER, Cell, Duel, Figures
from bench.engine.prefix import ROW as PREFIX_ROW
from bench.engine.prefix import SharedPrefix
from bench.engine.programs import Programs
from bench.engine.prompts import GREEDY, Workload
from bench.engine.schema import ROWS as SCHEMA_ROWS
from bench.engine.schema import SchemaCost
from bench.engine.servers import Servers
from bench.engine.start import ROW as START_ROW
from bench.engine.start import StartUp
from bench.frame.runner import Experiment, Subject

SAMPLED = Workload()
LONG = Workload(prompt_words=800)
PROMPTS_ONLY = Workload(prompt_words=400, new_tokens=1)
ANSWERS_ONLY = Workload(prompt_words=8, new_tokens=128)
# Short prompts, so that nearly all of it is tokens that go out; longer answers would make attention dear.
TALKATIVE = Workload(prompt_words=8, new_tokens=128, sampling=GREEDY)
KINDS = {"Q4_K_M": SAMPLED, "Q4_0": Workload(sampling=GREEDY)}
CLIENTS = (1, 4, 8, 16)

_ROOM = Room()
_LONG_ROOM = Room(tokens=1024)
_OVERHEAD_ROOM = Room(tokens=256, threads=1)
_PREFIX_ROOM = Room(slots=2, tokens=2304)


@dataclass(frozen=True)
class Pair:
    """Two arms with one model, and the servers that they become."""

    servers: Servers
    ours: Arm
    peer: Arm
    model: Path

    def cell(self, name: str, workload: Workload, clients: int, requests: int) -> Cell:
        arms_of = {OURS: self.ours, PEER: self.peer}
        found = {side: self.servers.server(arm, self.model) for side, arm in arms_of.items()}
        return Cell(name, found, workload, clients, requests)


@dataclass(frozen=True)
class Planner:
    programs: Programs
    servers: Servers
    rng: random.Random
    quick: bool

    @property
    def _model(self) -> Path:
        return models.mid("Q4_K_M")

    def experiments(self) -> Sequence[Experiment]:
        return [
            *self._python_server(),
            self._llama_server(),
            *self._llama_server_as_is(),
            self._overhead(),
            self._large_vocabulary(),
            self._schema(),
            self._shared_prefix(),
            *self._plug_ins(),
            self._start_up(),
        ]

    def _python_server(self) -> list[Experiment]:
        usual = self._pair(self._python(), self._model)
        tuned = self._pair(self._python(tuned=True), self._model)
        waits = {"python-16": tokens_per_second, "python-16-first-token": comparing.first_token}
        many = [pair.cell("16 clients", SAMPLED, 16, self._requests(16)) for pair in (usual, tuned)]
        one = usual.cell("one client", SAMPLED, 1, self._requests(1))
        return [
            self._single(many[0], waits),
            self._single(one, {"python-1": tokens_per_second}),
            _in_full(self._single(many[1], {"python-tuned-16": tokens_per_second})),
        ]

    def _llama_server(self) -> Experiment:
        """The matrix. Rows of memory and work look at its largest cell."""
        cells: list[Cell] = []
        speeds: dict[str, tuple[str, Measure]] = {}
        for kind, workload in KINDS.items():
            pair = self._pair(self._native(_ROOM), models.mid(kind))
            for clients in CLIENTS:
                row = f"native-{kind.lower().replace('_', '')}-{clients}"
                cells.append(pair.cell(row, workload, clients, self._requests(clients)))
                speeds[row] = (row, tokens_per_second)
        largest = "native-q4km-16"
        costs: dict[str, tuple[str, Measure]] = {
            "native-16-first-token": (largest, comparing.first_token),
            "tokens-per-cpu-second": (largest, comparing.tokens_per_processor_second),
            "peak-memory": (largest, comparing.peak_memory),
        }
        figures = comparing.both(comparing.with_mean("native-mean", rows(speeds)), rows(costs))
        return self._duel("1 to 16 clients", cells, figures, (*speeds, "native-mean", *costs))

    def _llama_server_as_is(self) -> list[Experiment]:
        short = self._pair(arms.llama_server_as_is(self.programs.peers.llama_server), self._model)
        long = replace(short, ours=arms.ours(self.programs.home, _LONG_ROOM))
        many = short.cell("16 clients", SAMPLED, 16, self._requests(16))
        lengthy = long.cell("long prompts", LONG, 16, self._requests(16))
        return [
            self._single(many, {"native-defaults-16": tokens_per_second}),
            _in_full(self._single(lengthy, {"long-prompts": tokens_per_second})),
        ]

    def _overhead(self) -> Experiment:
        """Processor time, as everything but the servers has the second core."""
        ours, peer = (arms.ours(self.programs.home, _OVERHEAD_ROOM), self._native(_OVERHEAD_ROOM))
        pair = Pair(self.servers, ours.on_one_core(), peer.on_one_core(), models.nearly_free())
        per_token = comparing.processor_seconds_per_token
        costs = {"overhead": per_token, "overhead-to-native": per_token, "client": comparing.client_seconds_per_token}
        return self._single(pair.cell("overhead", TALKATIVE, 16, 128), costs)

    def _large_vocabulary(self) -> Experiment:
        pair = self._pair(self._native(_ROOM), models.large_vocabulary())
        cell = pair.cell("128k vocabulary", SAMPLED, 16, self._requests(16))
        return _in_full(self._single(cell, {"native-128k-16": tokens_per_second}))

    def _schema(self) -> Experiment:
        server = self.servers.server(arms.ours(self.programs.home, _ROOM), models.nearly_free(models.MANY_TOKENS))
        cost = SchemaCost(server, self.rng)
        return Experiment("JSON schema", SCHEMA_ROWS, Subject("ours", cost.measure), daemons=self.servers.daemons)

    def _shared_prefix(self) -> Experiment:
        server = self.servers.server(arms.ours(self.programs.home, _PREFIX_ROOM), self._model)
        prefix = SharedPrefix(server, self.rng)
        second, first = Subject("second request", prefix.second), Subject("first request", prefix.first)
        return Experiment("shared prefix", (PREFIX_ROW,), second, first, daemons=self.servers.daemons)

    def _plug_ins(self) -> list[Experiment]:
        portable = arms.ours(self.programs.plug_ins, _ROOM, "ours with plug-ins")
        native = arms.ours(self.programs.home, _ROOM, "ours with -march=native")
        pair = Pair(self.servers, portable, native, self._model)
        prompts = pair.cell("prompts", PROMPTS_ONLY, 1, 8)
        many, one = (pair.cell(f"{clients} clients", ANSWERS_ONLY, clients, max(4, clients)) for clients in (16, 1))
        return [
            self._single(prompts, {"image-prompts": comparing.prompt_tokens_per_second}),
            self._single(many, {"image-16": tokens_per_second}),
            _in_full(self._single(one, {"image-1": tokens_per_second})),
        ]

    def _start_up(self) -> Experiment:
        # Servers of their own, as those of the other experiments must stay up.
        ours, peer = (self.servers.another(arm, self._model) for arm in (self._ours(), self._native(_ROOM)))
        sides = Subject("ours", StartUp(ours).measure), Subject(peer.arm.name, StartUp(peer).measure)
        return Experiment("start-up", (START_ROW,), *sides, daemons=self.servers.daemons)

    def _ours(self) -> Arm:
        return arms.ours(self.programs.home, _ROOM)

    def _python(self, *, tuned: bool = False) -> Arm:
        return arms.python_server(self.programs.peers.python, tuned=tuned)

    def _native(self, room: Room) -> Arm:
        return arms.llama_server(self.programs.peers.llama_server, room)

    def _pair(self, peer: Arm, model: Path) -> Pair:
        return Pair(self.servers, self._ours(), peer, model)

    def _requests(self, clients: int) -> int:
        """Enough that one client gives a figure, and with many each has a second turn."""
        return max(4, clients * (1 if self.quick else 2))

    def _single(self, cell: Cell, measures: Mapping[str, Measure]) -> Experiment:
        """A duel with one cell."""
        wanted = {row: (cell.name, measure) for row, measure in measures.items()}
        return self._duel(cell.name, [cell], rows(wanted), tuple(measures))

    def _duel(self, name: str, cells: Sequence[Cell], figures: Figures, filled: tuple[str, ...]) -> Experiment:
        duel = Duel(cells, figures, self.rng)
        ours, peer = (cells[0].servers[side].arm.name for side in (OURS, PEER))
        sides = Subject(ours, duel.ours), Subject(peer, duel.peer)
        return Experiment(f"{name}, {ours} beside {peer}", filled, *sides, daemons=self.servers.daemons)


def _in_full(experiment: Experiment) -> Experiment:
    """Left out of a quick run."""
    return replace(experiment, quick_repeats=0)
