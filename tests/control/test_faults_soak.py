"""O-29: many passes over an API server that often fails leave nothing behind: memory, files, tasks or drift."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.support.api_calls import Which, every_call, reads_of, writes_of
from tests.support.api_faults import Answer, Hang, Reset, What
from tests.support.bulk import bulk
from tests.support.form import Form
from tests.support.kube import Kube, Object
from tests.support.operators import Operator, Operators
from tests.support.serving import served
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

_MODELS = 20
_USERS = 4
# Until then caches and pools grow to the size that they keep.
_WARM_SHARE = 0.2
_RESYNC = "20s"
# Longer than connections are kept, failures are waited for and passes come round by themselves.
_CALM_SECONDS = 150.0
_MIB = 1024**2
# Connections, tasks of the framework and threads that look names up come and go.
_SLACK = 8
# Of a thousand calls of a kind so many end like this. A write that hangs would count as one that is never over.
_TROUBLE: tuple[tuple[int, Which, What], ...] = (
    (20, writes_of(), Answer(409)),
    (5, every_call, Answer(429, retry_after=1)),
    (20, every_call, Answer(500)),
    (20, every_call, Reset()),
    (3, reads_of(), Hang()),
)


@dataclass(frozen=True)
class _Size:
    memory: float
    files: float
    threads: int
    tasks: float

    @classmethod
    def of(cls, operator: Operator) -> _Size:
        ask = operator.process.metric
        threads = len(list(Path(f"/proc/{operator.process.pid}/task").iterdir()))
        files, tasks = ask("process_open_fds"), ask("plimsoll_operator_tasks")
        return cls(ask("process_resident_memory_bytes"), files, threads, tasks)

    def fits(self, warm: _Size) -> bool:
        """Memory aside, which is seldom given back."""
        pairs = ((self.files, warm.files), (self.threads, warm.threads), (self.tasks, warm.tasks))
        return all(now <= then + _SLACK for now, then in pairs)


@dataclass
class _User:
    """One of several, with models of its own: touches them all the time, changes one now and then, replaces another."""

    kube: Kube
    models: list[Object]
    chance: random.Random
    generations: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        for model in self.models:
            self._create(model)

    def round(self, number: int) -> None:
        for model in self.models:
            # It means nothing to us: a pass looks, and finds nothing to do.
            self.kube.merge(model, {"metadata": {"annotations": {"example.com/touched": str(number)}}})
        self._change(self.chance.choice(self.models), number)
        if number % 5 == 0:
            replaced = self.chance.choice(self.models)
            self.kube.delete(replaced)
            self._create(replaced)

    def settle(self) -> None:
        for model in self.models:
            name = model["metadata"]["name"]
            self.kube.wait(model, served(self.generations[name]), _CALM_SECONDS, f"{name} is served")

    def end(self) -> None:
        for model in self.models:
            self.kube.delete(model)

    def _create(self, model: Object) -> None:
        self._know(self.kube.create(model))

    def _change(self, model: Object, number: int) -> None:
        """Most often another revision of the same pods, sometimes other pods."""
        spec: Object = {"generation": {"defaults": {"temperature": number % 20 / 10}}}
        if self.chance.random() < 0.1:
            spec["context"] = 512 * self.chance.randint(1, 4)
        self._know(self.kube.merge(model, {"spec": spec}))

    def _know(self, stored: Object) -> None:
        self.generations[stored["metadata"]["name"]] = stored["metadata"]["generation"]


@dataclass
class _Soak:
    operator: Operator
    users: list[_User]
    chance: random.Random
    rounds: int = 0

    def all_users(self, do: Callable[[_User], None]) -> None:
        with ThreadPoolExecutor(len(self.users)) as hands:
            list(hands.map(do, self.users))

    def until(self, passes: float) -> None:
        """So many since the operator began, all of them in trouble."""
        with self._trouble():
            while self.metric("reconcile_total") < passes:
                self.rounds += 1
                self.all_users(lambda user: user.round(self.rounds))
                self._disturb_watches()

    def calm(self) -> _Size:
        """How large it is when all that was wanted is done."""
        self.all_users(_User.settle)
        self.operator.rest(seconds=_CALM_SECONDS)
        return _Size.of(self.operator)

    def metric(self, name: str) -> float:
        return self.operator.process.metric(f"plimsoll_operator_{name}")

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        with ExitStack() as stack:
            for share, which, what in _TROUBLE:
                stack.enter_context(self.operator.proxy.faults.during(self._some(share, which), what))
            yield

    def _some(self, share: int, which: Which) -> Which:
        return lambda call: which(call) and self.chance.randrange(1000) < share

    def _disturb_watches(self) -> None:
        proxy = self.operator.proxy
        if self.chance.random() < 0.2:
            self.chance.choice([proxy.break_watches, proxy.expire_watches])()


@pytest.fixture
def soak(operators: Operators, cluster: ProcessCluster, namespace: str, weights: str, form: Form) -> Iterator[_Soak]:
    operator = operators.start(options=("--no-lease", f"--resync={_RESYNC}"))
    models = bulk(_MODELS, namespace, weights)
    with ExitStack() as stack:
        users = []
        for hand in range(_USERS):
            kube = Kube(cluster.kubeconfig)
            stack.callback(kube.close)
            users.append(_User(kube, models[hand::_USERS], random.Random(form.seed + hand)))
        yield _Soak(operator, users, random.Random(form.seed))


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_o29_many_passes_in_trouble_leave_nothing_behind(soak: _Soak, form: Form) -> None:
    wanted = form.count(small=800, large=50_000)
    soak.all_users(_User.begin)
    soak.until(wanted * _WARM_SHARE)
    warm = soak.calm()
    soak.until(wanted)
    wait_until(lambda: soak.calm().fits(warm), _CALM_SECONDS, lambda: f"{_Size.of(soak.operator)} fits into {warm}")
    last = _Size.of(soak.operator)
    print(f"{wanted} passes in {soak.rounds} rounds: {warm}, then {last}")
    # In a short run caches still grow.
    assert last.memory - warm.memory <= form.count(small=16, large=8) * _MIB, (warm, last)
    assert soak.metric("reconcile_total") >= wanted
    soak.all_users(_User.end)
    for kept in ("mirror_objects", "remembered"):
        wait_until(partial(_is_zero, soak, kept), _CALM_SECONDS, f"nothing is left of {kept}")


def _is_zero(soak: _Soak, kept: str) -> bool:
    return soak.metric(kept) == 0
