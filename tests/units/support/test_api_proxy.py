"""The proxy passes everything on, numbers it, and makes exactly the trouble that was asked for."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.api_calls import every_call, parse, the_write, write_but_no_lease, writes_of
from tests.support.api_faults import Answer, Delay, Fault, Hang, Reset, Strike
from tests.support.api_journal import Journal
from tests.support.api_proxy import ApiProxy
from tests.support.toy_api_server import ToyApiServer
from tests.support.waiting import wait_until
from tests.units.support.conftest import PODS

LEASE = "/apis/coordination.k8s.io/v1/namespaces/sea/leases/operator"


def ask(proxy: ApiProxy, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=5)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), json.loads(answer.read())
    finally:
        connection.close()


def test_a_call_and_its_answer_pass_as_they_are(proxy: ApiProxy, server: ToyApiServer) -> None:
    assert ask(proxy, "GET", f"{PODS}?labelSelector=a%3Db%2Fc")[0] == 200
    assert server.asked == [f"GET {PODS}?labelSelector=a%3Db%2Fc"]


def test_the_credentials_are_those_of_the_kubeconfig_and_the_agent_has_the_name_of_the_proxy(
    proxy: ApiProxy, server: ToyApiServer
) -> None:
    ask(proxy, "GET", PODS)
    assert server.headers[-1]["Authorization"] == "Bearer toy-token"
    assert server.headers[-1]["User-Agent"].endswith("(proxy)")


def test_calls_can_be_made_in_the_name_of_a_user(server: ToyApiServer, tmp_path: Path) -> None:
    with ApiProxy(server.kubeconfig, tmp_path, user="mate") as proxy:
        ask(proxy, "GET", PODS)
    assert server.headers[-1]["Impersonate-User"] == "mate"


def test_writes_are_numbered_and_reads_and_leases_are_not(proxy: ApiProxy) -> None:
    for method, path in (
        ("GET", PODS),
        ("POST", PODS),
        ("PUT", LEASE),
        ("PATCH", f"{PODS}/a"),
        ("DELETE", f"{PODS}/a"),
    ):
        ask(proxy, method, path)
    assert [entry.call.number for entry in proxy.journal.entries()] == [1, 2, 3, 4, 5]
    assert [(entry.call.write, entry.call.method) for entry in proxy.journal.writes()] == [
        (1, "POST"),
        (2, "PATCH"),
        (3, "DELETE"),
    ]


def test_the_journal_can_begin_anew(proxy: ApiProxy) -> None:
    ask(proxy, "POST", PODS)
    proxy.journal.restart()
    assert proxy.journal.entries() == []
    ask(proxy, "POST", PODS)
    assert [entry.call.write for entry in proxy.journal.writes()] == [1]


def test_the_journal_says_who_did_what_and_how_it_ended(proxy: ApiProxy) -> None:
    ask(proxy, "POST", f"{PODS}?fieldManager=me", {"metadata": {"name": "whale"}})
    (entry,) = proxy.journal.writes()
    assert (entry.call.resource, entry.call.namespace, entry.call.name) == ("pods", "sea", "whale")
    assert (entry.call.manager, entry.status, entry.accepted) == ("me", 200, True)


@pytest.mark.parametrize("status", [409, 410, 429, 500, 503])
def test_a_chosen_call_is_answered_in_the_servers_place(proxy: ApiProxy, server: ToyApiServer, status: int) -> None:
    proxy.faults.add(Fault(the_write(2), Answer(status, retry_after=7)))
    ask(proxy, "POST", PODS)
    answered, headers, body = ask(proxy, "POST", PODS)
    assert (answered, headers["Retry-After"]) == (status, "7")
    assert (body["kind"], body["code"], body["details"]) == ("Status", status, {"retryAfterSeconds": 7})
    assert ask(proxy, "POST", PODS)[0] == 200
    assert len(server.asked) == 2


def test_a_fault_hits_as_often_as_it_says_and_until_it_is_taken_away(proxy: ApiProxy) -> None:
    twice = proxy.faults.add(Fault(every_call, Answer(503), times=2))
    assert [ask(proxy, "GET", PODS)[0] for _ in range(3)] == [503, 503, 200]
    assert twice.spent.is_set()
    with proxy.faults.during(every_call, Answer(500)) as fault:
        assert {ask(proxy, "GET", PODS)[0] for _ in range(3)} == {500}
    assert fault.hits == 3
    assert ask(proxy, "GET", PODS)[0] == 200


@pytest.mark.parametrize(("when", "reached"), [("before", 0), ("after", 1)])
def test_a_reset_comes_before_the_server_learns_of_the_call_or_after_it_was_done(
    proxy: ApiProxy, server: ToyApiServer, when: Any, reached: int
) -> None:
    proxy.faults.add(Fault(writes_of("pods"), Reset(), when))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(proxy, "POST", PODS)
    assert len(server.asked) == reached
    (entry,) = proxy.journal.writes()
    assert entry.status == (200 if reached else 0)


def test_a_delayed_call_goes_on(proxy: ApiProxy) -> None:
    proxy.faults.add(Fault(every_call, Delay(0.02)))
    assert ask(proxy, "GET", PODS)[0] == 200
    assert (proxy.journal.entries()[0].seconds or 0) >= 0.02


def test_a_call_that_hangs_is_open_until_the_proxy_ends(server: ToyApiServer, tmp_path: Path) -> None:
    cut_off = threading.Event()

    def call(proxy: ApiProxy) -> None:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(proxy, "POST", PODS)
        cut_off.set()

    server.asked.clear()
    with ApiProxy(server.kubeconfig, tmp_path) as proxy:
        hanging = proxy.faults.add(Fault(every_call, Hang()))
        threading.Thread(target=call, args=(proxy,)).start()
        assert hanging.spent.wait(5)
        assert ask(proxy, "GET", PODS)[0] == 200
        assert proxy.journal.quiet_for() == 0.0
        assert not cut_off.is_set()
    assert cut_off.wait(5)
    assert server.asked == [f"GET {PODS}"]


@pytest.mark.parametrize(("when", "reached"), [("before", 1), ("after", 2)])
def test_at_a_numbered_write_something_is_done_and_the_caller_is_cut_off(
    proxy: ApiProxy, server: ToyApiServer, when: Any, reached: int
) -> None:
    struck: list[int] = []
    proxy.faults.add(Fault(the_write(2), Strike(lambda: struck.append(len(server.asked))), when))
    ask(proxy, "POST", PODS)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(proxy, "POST", PODS)
    assert struck == [reached]
    assert len(server.asked) == reached


def test_a_strike_may_let_the_call_go_on(proxy: ApiProxy) -> None:
    struck: list[str] = []
    proxy.faults.add(Fault(every_call, Strike(lambda: struck.append("now"), goes_on=True)))
    assert ask(proxy, "POST", PODS)[0] == 200
    assert struck == ["now"]


def test_no_other_call_passes_during_a_strike(proxy: ApiProxy, server: ToyApiServer) -> None:
    over = threading.Event()
    fault = proxy.faults.add(Fault(the_write(1), Strike(lambda: over.wait(5), goes_on=True)))
    first = threading.Thread(target=ask, args=(proxy, "POST", PODS))
    second = threading.Thread(target=ask, args=(proxy, "GET", LEASE))
    first.start()
    assert fault.spent.wait(5)
    second.start()
    wait_until(lambda: len(proxy.journal.entries()) == 2, 5, "the second call is there")
    assert server.asked == []
    over.set()
    first.join(5)
    second.join(5)
    assert sorted(server.asked) == [f"GET {LEASE}", f"POST {PODS}"]


def test_quiet_is_the_time_since_the_last_write(proxy: ApiProxy) -> None:
    ask(proxy, "POST", PODS)
    first = proxy.journal.quiet_for()
    ask(proxy, "GET", PODS)
    ask(proxy, "PUT", LEASE)
    assert proxy.journal.quiet_for() > first
    proxy.journal.wait_for_writes(1, 0)
    proxy.journal.wait_quiet(0.005, 1)


def test_quiet_begins_when_a_write_ends() -> None:
    now = [0.0]
    journal = Journal(write_but_no_lease, clock=lambda: now[0])
    call = journal.begin(parse("POST", PODS, {}))
    now[0] = 5.0
    journal.end(call, 200)
    now[0] = 7.0
    assert journal.quiet_for() == 2.0


def test_a_proxy_names_what_a_kubeconfig_lacks(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ApiProxy(tmp_path / "nowhere", tmp_path)


def test_a_call_reads_as_one_line() -> None:
    assert str(parse("GET", PODS, {})) == f"GET {PODS}"
