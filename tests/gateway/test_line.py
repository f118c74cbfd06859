"""A real gateway that follows an operator: what reaches callers while the operator comes, changes its mind and goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSCloseCode

from plimsoll.routing.copies import pack, without_pods
from plimsoll.routing.document import Document, Version
from plimsoll.routing.limits import Limits
from tests.support.canaries import Canaries
from tests.support.counting_upstream.process import CountingUpstream, StartUpstream
from tests.support.counting_upstream.script import HEAD, Script
from tests.support.form import Form
from tests.support.gateways import GatewayProcess, StartGateway, hosted, opened
from tests.support.played_operator import HOST, OperatorThread, Papers, free_port, operator_thread
from tests.support.routing_documents import digest_of, key
from tests.support.waiting import wait_until

CHAT = "/v1/chat/completions"
BODY = {"model": "chat", "messages": [{"role": "user", "content": "Ahoy"}]}
OTHER_KEY = "plm_ghijkl" + "o" * 43
REASONS = "plimsoll_gateway_operator_reconnects_total"


class Line:
    """A gateway, and the operator that it follows."""

    def __init__(self, papers: Papers, operator: OperatorThread, start: StartGateway, copy: Path) -> None:
        self.papers = papers
        self.operator = operator
        self.port = free_port()
        self.copy = copy
        self._start = start

    def gateway(self, *, ready: bool = True) -> GatewayProcess:
        arguments = (
            f"--operator={HOST}:{self.port}", f"--operator-ca={self.papers.certificate}",
            f"--operator-token={self.papers.token}", f"--copy={self.copy}",
        )  # fmt: skip
        return self._start(None, *arguments, ready=ready)

    def lead(self, document: Document) -> None:
        played = self.operator.played
        played.document = document
        self.operator.do(played.start(port=self.port))

    def leave(self) -> None:
        self.operator.do(self.operator.played.stop())

    def publish(self, document: Document) -> None:
        self.operator.do(self.operator.played.publish(document))

    def place_copy(self, *pieces: bytes) -> None:
        for number, piece in enumerate(pieces):
            (self.copy / str(number)).mkdir(parents=True)
            (self.copy / str(number) / "piece").write_bytes(piece)


@pytest.fixture
def line(tmp_path: Path, canaries: Canaries, start_gateway: StartGateway) -> Iterator[Line]:
    token = canaries.plant()
    papers = Papers(tmp_path, token)
    canaries.allow(papers.token)
    (tmp_path / "copy").mkdir()
    with operator_thread(papers.certificate) as operator:
        yield Line(papers, operator, start_gateway, tmp_path / "copy")


def routes(upstream: CountingUpstream, sequence: int = 1, epoch: int = 1, **changes: Any) -> Document:
    return opened(hosted(upstream), version=Version(epoch=epoch, sequence=sequence), **changes)


def wait_routed(gateway: GatewayProcess, sequence: int, epoch: int = 1) -> None:
    def routed() -> bool:
        found = gateway.metric("plimsoll_gateway_routing_epoch"), gateway.metric("plimsoll_gateway_routing_sequence")
        return found == (epoch, sequence)

    wait_until(routed, 30, lambda: f"it serves by {epoch}.{sequence}\n{gateway.log}")


def connected(gateway: GatewayProcess) -> bool:
    return gateway.metric("plimsoll_gateway_operator_connected") == 1


def test_a_key_that_is_taken_out_stops_to_work(line: Line, start_upstream: StartUpstream) -> None:
    upstream = start_upstream("llamacpp")
    line.lead(routes(upstream, keys={digest_of(OTHER_KEY): key("team-a/other")}))
    gateway = line.gateway()
    other = {"authorization": f"Bearer {OTHER_KEY}"}
    assert [gateway.ask(CHAT, BODY)[0], gateway.ask(CHAT, BODY, other)[0]] == [200, 200]
    line.publish(routes(upstream, 2))
    wait_routed(gateway, 2)
    assert [gateway.ask(CHAT, BODY)[0], gateway.ask(CHAT, BODY, other)[0]] == [200, 401]
    assert connected(gateway)
    assert 0 <= gateway.metric("plimsoll_gateway_operator_last_word_age_seconds") < 60
    assert gateway.end() == 0
    wait_until(lambda: line.operator.played.codes, 30, "the operator has heard of the end")
    assert line.operator.played.codes == [WSCloseCode.GOING_AWAY]


def test_without_an_operator_the_copy_is_served_by_and_its_service_called(
    line: Line, start_upstream: StartUpstream
) -> None:
    upstream = start_upstream("llamacpp")
    line.place_copy(*pack(without_pods(routes(upstream))))
    gateway = line.gateway()
    assert gateway.ask(CHAT, BODY)[0] == 200
    assert gateway.records()[0].endpoint == upstream.address
    assert not connected(gateway)
    assert gateway.metric(REASONS, reason="unreachable") > 0
    line.lead(routes(upstream, 2))
    wait_routed(gateway, 2)
    assert gateway.ask(CHAT, BODY)[0] == 200
    assert gateway.records()[1].endpoint == "pod-0"
    assert gateway.end() == 0


def test_a_damaged_copy_is_set_aside_and_the_gateway_is_not_ready_before_the_operator_answers(
    line: Line, start_upstream: StartUpstream
) -> None:
    upstream = start_upstream("llamacpp")
    (piece,) = pack(routes(upstream, 7))
    line.place_copy(piece[:-10] + b"x" * 10)
    gateway = line.gateway(ready=False).wait_listening()
    refused = partial(gateway.metric, "plimsoll_gateway_routing_refused_total", reason="damaged_copy")
    wait_until(refused, 30, lambda: f"it is told\n{gateway.log}")
    assert gateway.get("/ready") == (503, "no routing document yet\n")
    assert "is set aside: the copy of the routing document is damaged" in gateway.log
    status, headers, _ = gateway.ask(CHAT, BODY)
    assert (status, "retry-after" in headers) == (503, True)
    line.lead(routes(upstream))
    gateway.wait_ready()
    assert gateway.ask(CHAT, BODY)[0] == 200
    assert gateway.metric("plimsoll_gateway_routing_sequence") == 1


def test_nobody_notices_that_the_operator_is_replaced(line: Line, start_upstream: StartUpstream, form: Form) -> None:
    upstream = start_upstream("llamacpp")
    line.lead(routes(upstream))
    gateway = line.gateway()
    answers: list[int] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            answers.append(gateway.ask(CHAT, BODY)[0])

    callers = [threading.Thread(target=ask) for _ in range(3)]
    for each in callers:
        each.start()
    for epoch in range(2, 2 + form.count(small=3, large=30)):
        line.leave()
        wait_until(lambda: not connected(gateway), 30, "it has noticed")
        line.lead(routes(upstream, epoch=epoch))
        wait_routed(gateway, 1, epoch)
        line.publish(routes(upstream, 2, epoch, gateways=epoch))
        wait_routed(gateway, 2, epoch)
    enough.set()
    for each in callers:
        each.join()
    assert len(answers) > 3
    assert set(answers) == {200}
    assert gateway.metric(REASONS, reason="closed") == form.count(small=3, large=30)


def test_the_operator_hears_who_runs_and_who_waits(line: Line, start_upstream: StartUpstream) -> None:
    upstream = start_upstream("llamacpp")
    upstream.script(Script(holds={HEAD: "go"}), Script())
    limits = Limits(concurrency=1, when_full="wait", queue=4)
    line.lead(opened(hosted(upstream, limits=limits)))
    gateway = line.gateway()
    answers: list[int] = []
    callers = [threading.Thread(target=lambda: answers.append(gateway.ask(CHAT, BODY)[0])) for _ in range(3)]
    for each in callers:
        each.start()

    def told(running: int, waiting: int) -> bool:
        loads = line.operator.played.loads
        found = loads[-1].models.get("team-a/chat") if loads else None
        return found is not None and (found.running, found.waiting) == (running, waiting)

    wait_until(lambda: told(1, 2), 30, "one runs, and two wait")
    upstream.let("go")
    for each in callers:
        each.join()
    wait_until(lambda: line.operator.played.loads[-1].models == {}, 30, "nobody is inside")
    assert answers == [200] * 3
