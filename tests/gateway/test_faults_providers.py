"""S-04: no address of a provider leads a gateway to where it must not be, however it is written."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from plimsoll.gateway.outside import opened, why_not
from plimsoll.routing.document import Provider, Served
from plimsoll.routing.entry import Secret
from plimsoll.weights.addresses import parsed
from tests.support.carried import Carried, back
from tests.support.counting_upstream.process import StartUpstream
from tests.support.counting_upstream.script import Script
from tests.support.gateways import StartGateway, hosted
from tests.support.gateways import opened as routed
from tests.support.private_hosts import ANSWERS, HOSTS
from tests.support.routing_documents import served
from tests.support.traps import Trap, trap
from tests.support.waiting import wait_until

CHAT = "/v1/chat/completions"
BODY = {"model": "chat", "messages": [{"role": "user", "content": "Ahoy"}]}
URLS = (
    *("http://user@127.0.0.1:{port}/v1", "http://example.com@127.0.0.1:{port}/v1", "http://x:y@127.0.0.1:{port}/v1"),
    *("http://example.com\\@127.0.0.1:{port}/v1", "http://127.0.0.1:{port}", "http://127.0.0.1:{port}/../v1"),
    *("file:///etc/passwd", "gopher://127.0.0.1:{port}/_", "ftp://127.0.0.1:{port}/x", "unix:///run/x.sock"),
    *("ws://127.0.0.1:{port}/v1", "http:///v1", "http://127.0.0.1:99999/v1", "//127.0.0.1:{port}/v1"),
)


@pytest.fixture(scope="module")
def traps() -> Iterator[Trap]:
    with trap() as set_up:
        yield set_up


def provided(base_url: str, credential: str = "sk-owner") -> Served:
    upstream = Provider(base_url=base_url, credential=Secret(credential))
    return served(backend="openai-compatible", upstream=upstream)


def asked(base_url: str, *networks: str, credential: str = "sk-owner") -> Carried:
    async def ask() -> Carried:
        async with back(provider_networks=networks) as made:
            return await made.ask(provided(base_url, credential))

    return asyncio.run(ask())


def refused(carried: Carried) -> str:
    assert carried.error is not None
    assert carried.error.status == 502
    assert carried.records[0].tokens.total == 0
    return carried.error.code


def test_s04_a_trap_counts_who_comes(traps: Trap) -> None:
    async def ask() -> None:
        async with back() as made:
            carried = made.made(provided(f"http://127.0.0.1:{traps.port}/v1"), "")
            task = asyncio.create_task(made.carry(carried))
            await asyncio.to_thread(wait_until, traps.visits, 20, "somebody comes")
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(ask())


@pytest.mark.parametrize("host", HOSTS)
def test_s04_a_provider_that_is_not_public_is_not_called(host: str, traps: Trap) -> None:
    refused(asked(f"http://{host}:{traps.port}/v1"))
    assert traps.visits() == 0


@pytest.mark.parametrize("answer", ANSWERS)
def test_s04_a_name_is_as_good_as_its_addresses(answer: str, traps: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        plain, _, zone = answer.partition("%")
        if ":" in plain:
            where: tuple[Any, ...] = (plain, port, 0, 1 if zone else 0)
            return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", where)]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (plain, port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    code = refused(asked(f"http://models.example.com:{traps.port}/v1"))
    assert code == "upstream_address_refused"
    assert traps.visits() == 0


@pytest.mark.parametrize("url", URLS)
def test_s04_an_address_that_misleads_leads_nowhere(url: str, traps: Trap) -> None:
    refused(asked(url.format(port=traps.port)))
    assert traps.visits() == 0


def test_a_credential_that_no_header_can_carry_is_the_owners_trouble(
    traps: Trap, caplog: pytest.LogCaptureFixture
) -> None:
    code = refused(asked(f"http://127.0.0.1:{traps.port}/v1", "127.0.0.0/8", credential="sk-owner\r\nx: y"))
    assert code == "upstream_unreachable"
    assert "cannot be used as it is written" in caplog.text
    assert "sk-owner" not in caplog.text
    traps.visits()


def test_s04_a_redirect_is_not_followed(start_upstream: StartUpstream, traps: Trap) -> None:
    upstream = start_upstream("openai")
    where = ("location", f"http://127.0.0.1:{traps.port}/v1/chat/completions")
    for status in (301, 302, 303, 307, 308):
        upstream.script(Script(status=status, headers=(where,)))
        refused(asked(upstream.base, "127.0.0.0/8"))
    assert traps.visits() == 0


def test_s04_what_the_platform_opens_is_open_and_what_nothing_opens_is_not() -> None:
    networks = opened(("10.0.0.0/8", "127.0.0.0/8", "fd00::/8", "169.254.0.0/16", "0.0.0.0/0"))
    may = {text: why_not(found, networks) is None for text in (*ANSWERS, "8.8.8.8") if (found := parsed(text))}
    assert {text for text in may if may[text]} >= {"10.1.2.3", "127.0.0.1", "fd00::1", "8.8.8.8"}
    assert not any(may[text] for text in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254", "::1", "fe80::1"))
    assert not any(may[text] for text in ("169.254.169.254", "255.255.255.255", "224.0.0.251"))


def test_s04_a_gateway_calls_a_private_provider_only_where_it_was_told_to(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    upstream = start_upstream("openai")
    document = routed(hosted(upstream, backend="openai-compatible", upstream=Provider(base_url=upstream.base)))
    closed = start_gateway(document)
    status, _, said = closed.ask(CHAT, BODY)
    assert (status, said["error"]["code"]) == (502, "upstream_address_refused")
    assert upstream.address.partition(":")[0] not in said["error"]["message"]
    assert "a provider was not called, as it lies at 127.0.0.1: a loopback address" in closed.log
    assert not upstream.requests()
    opened_ = start_gateway(document, "--provider-networks=10.0.0.0/8, 127.0.0.0/8")
    assert opened_.ask(CHAT, BODY)[0] == 200


def test_s04_networks_that_cannot_be_read_stop_the_start(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    gateway = start_gateway(routed(hosted(start_upstream("openai"))), "--provider-networks=10.0.0.0/99", ready=False)
    assert gateway.wait() != 0
    assert "--provider-networks cannot be read" in gateway.log
