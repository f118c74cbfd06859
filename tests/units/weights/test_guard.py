"""S-04: no source, name or redirect leads the operator to an address that it must not reach."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.weights.client import Client, Target
from plimsoll.weights.guard import Guard, system_resolve
from plimsoll.weights.trouble import SourceTrouble
from tests.support.gguf_maker import Made
from tests.support.model_server import ModelServer, redirect
from tests.support.private_hosts import ANSWERS, HOSTS
from tests.support.sources import PATIENT, Names, ask, refused
from tests.support.traps import Trap, trap

# Whole addresses that name no host of ours, or name it in a way to mislead.
URLS = (
    *("file:///etc/passwd", "gopher://127.0.0.1:{port}/_", "ftp://127.0.0.1:{port}/x", "dict://127.0.0.1:{port}/x"),
    *("http://user@127.0.0.1:{port}/x", "http://example.com@127.0.0.1:{port}/x", "http://:secret@127.0.0.1:{port}/x"),
    *("http://127.0.0.1:0/x", "http:///x", "//127.0.0.1:{port}/x", "http:127.0.0.1:{port}/x"),
    *(
        "http://example.com\\@127.0.0.1:{port}/x",
        "http://127.0.0.1:99999/x",
        "http://[::1/x",
        "http://@127.0.0.1:{port}",
    ),
)


@pytest.fixture(scope="module")
def traps() -> Iterator[Trap]:
    with trap() as set_up:
        yield set_up


def test_the_table_is_long_enough() -> None:
    assert len(HOSTS) * 2 + len(ANSWERS) * 2 + len(URLS) * 2 >= 120
    assert len(set(HOSTS)) == len(HOSTS)


def test_a_trap_counts_who_comes(traps: Trap, address: str) -> None:
    hasty = replace(PATIENT, silence=0.02)
    refused(
        {"http": {"url": f"http://{address}:{traps.port}/x"}}, Reason.SOURCE_UNREACHABLE, open_to=address, limits=hasty
    )
    assert traps.visits() == 1


@pytest.mark.parametrize("host", HOSTS)
def test_an_address_that_is_not_public_is_refused_without_a_connection(host: str, traps: Trap) -> None:
    endpoint = f"http://{host}:{traps.port}"
    # Spaces and the like do not pass the contract at all.
    known = Reason.INVALID_SPEC if " " in host else Reason.ADDRESS_REFUSED
    refused({"http": {"url": f"{endpoint}/x.gguf"}}, known)
    assert traps.visits() == 0


@pytest.mark.parametrize("host", HOSTS)
def test_a_redirect_to_such_an_address_is_not_followed(host: str, traps: Trap, server: ModelServer) -> None:
    server.routes["/x.gguf"] = redirect(f"http://{host.encode().decode('latin-1')}:{traps.port}/x.gguf")
    refused({"http": {"url": f"{server.base}/x.gguf"}}, Reason.ADDRESS_REFUSED, open_to=server.host)
    assert (traps.visits(), server.paths()) == (0, ["/x.gguf"])


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_name_is_as_good_as_its_addresses(answer: str, traps: Trap) -> None:
    names = Names({"models.example.com": [[answer]]})
    refused({"http": {"url": f"http://models.example.com:{traps.port}/x"}}, Reason.ADDRESS_REFUSED, resolve=names)
    assert (traps.visits(), names.asked) == (0, ["models.example.com"])


@pytest.mark.parametrize("answer", ANSWERS)
def test_one_bad_address_among_good_ones_spoils_the_name(answer: str, traps: Trap, address: str) -> None:
    names = Names({"models.example.com": [[address, answer]]})
    source = {"http": {"url": f"http://models.example.com:{traps.port}/x"}}
    refused(source, Reason.ADDRESS_REFUSED, resolve=names, open_to=address)
    assert traps.visits() == 0


@pytest.mark.parametrize("url", URLS)
def test_other_schemes_and_misleading_addresses_are_refused(url: str, traps: Trap) -> None:
    with pytest.raises(SourceTrouble) as raised:
        ask({"http": {"url": url.format(port=traps.port)}})
    assert raised.value.reason in (Reason.ADDRESS_REFUSED, Reason.INVALID_SPEC)
    assert "secret" not in str(raised.value)
    assert traps.visits() == 0


@pytest.mark.parametrize("url", URLS)
def test_a_redirect_there_is_not_followed(url: str, traps: Trap, server: ModelServer) -> None:
    server.routes["/x.gguf"] = redirect(url.format(port=traps.port))
    with pytest.raises(SourceTrouble) as raised:
        ask({"http": {"url": f"{server.base}/x.gguf"}}, open_to=server.host)
    assert raised.value.reason in (Reason.ADDRESS_REFUSED, Reason.SOURCE_UNREACHABLE, Reason.SOURCE_NOT_FOUND)
    assert traps.visits() == 0


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"http": {"url": "https://h:99999/x?key=hidden"}}, "spec.source.http.url"),
        ({"huggingFace": {"repository": "a/b", "endpoint": "https://hidden@h"}}, "spec.source.huggingFace.endpoint"),
        ({"s3": {"bucket": "abc", "key": "x", "endpoint": "https://h:0/hidden"}}, "spec.source.s3.endpoint"),
    ],
)
def test_an_address_that_is_badly_written_is_told_by_its_field_alone(source: dict[str, Any], field: str) -> None:
    told = refused(source, Reason.ADDRESS_REFUSED).finding.message
    assert f"the address in {field} " in told
    assert "hidden" not in told


def test_port_0_is_no_port(address: str) -> None:
    refused({"http": {"url": f"http://{address}:0/x"}}, Reason.ADDRESS_REFUSED, open_to=address)


@pytest.mark.parametrize("url", ["ftp://{host}/x", "http://@{host}/x", "http://a@{host}/x", "http://:b@{host}/x"])
def test_schemes_and_user_names_are_refused_even_at_an_address_that_is_open(url: str, server: ModelServer) -> None:
    server.routes["/x.gguf"] = redirect(url.format(host=f"{server.host}:{server.port}"))
    refused({"http": {"url": f"{server.base}/x.gguf"}}, Reason.ADDRESS_REFUSED, open_to=server.host)
    assert server.paths() == ["/x.gguf"]


def test_addresses_of_nodes_are_refused_even_inside_a_network_that_is_open(traps: Trap, address: str) -> None:
    url = f"http://{address}:{traps.port}/x"
    trouble = refused({"http": {"url": url}}, Reason.ADDRESS_REFUSED, open_to=address, nodes=[address])
    assert "nodes" in trouble.message
    mapped = refused(
        {"http": {"url": f"http://[::ffff:{address}]:{traps.port}/x"}}, Reason.ADDRESS_REFUSED, nodes=[address]
    )
    assert "nodes" in mapped.message
    assert traps.visits() == 0


def test_no_configuration_opens_loopback_or_metadata(traps: Trap) -> None:
    for open_to in ("127.0.0.1", "169.254.169.254"):
        refused({"http": {"url": f"http://{open_to}:{traps.port}/x"}}, Reason.ADDRESS_REFUSED, open_to=open_to)
    assert traps.visits() == 0


def test_a_name_that_changes_its_mind_is_still_what_it_was(server: ModelServer, tiny: Made) -> None:
    server.add("/model.gguf", tiny)
    server.routes["/x.gguf"] = redirect(f"http://models.example.com:{server.port}/model.gguf")
    names = Names({"models.example.com": [[server.host], ["127.0.0.1"]]})
    source = {"http": {"url": f"http://models.example.com:{server.port}/x.gguf"}}
    assert ask(source, resolve=names, open_to=server.host).model is not None
    assert names.asked == ["models.example.com"]


def test_connections_are_made_to_addresses_that_were_checked_and_to_no_others(traps: Trap) -> None:
    class Fooled(Guard):
        async def admit(self, url: URL, seconds: float) -> None:
            """As if the first check had a hole."""

    async def get(host: str) -> None:
        guard = Fooled((), (), system_resolve)
        target = Target(URL(f"http://{host}:{traps.port}/x"))
        async with Client(guard, PATIENT) as client, client.get(target):
            pass

    with pytest.raises(SourceTrouble) as raised:
        asyncio.run(get("127.0.0.1"))
    assert raised.value.reason is Reason.ADDRESS_REFUSED
    with pytest.raises(SourceTrouble) as raised:
        asyncio.run(get("localhost"))
    assert raised.value.reason is Reason.SOURCE_UNREACHABLE
    assert traps.visits() == 0


def test_redirects_end_after_five(server: ModelServer, tiny: Made) -> None:
    for hop in range(6):
        server.routes[f"/{hop}"] = redirect(f"/{hop + 1}")
    server.add("/6", tiny)
    trouble = refused({"http": {"url": f"{server.base}/0"}}, Reason.SOURCE_UNREACHABLE, open_to=server.host)
    assert "more than 5 times" in trouble.message
    assert len(server.asked) == 6
    assert ask({"http": {"url": f"{server.base}/1"}}, open_to=server.host).model is not None


def test_a_redirect_that_goes_in_circles_ends_too(server: ModelServer) -> None:
    server.routes["/x"] = redirect("/x")
    refused({"http": {"url": f"{server.base}/x"}}, Reason.SOURCE_UNREACHABLE, open_to=server.host)


def test_a_name_that_nobody_knows_may_be_known_later(server: ModelServer) -> None:
    trouble = refused({"http": {"url": "http://nobody.example.com/x"}}, Reason.SOURCE_UNREACHABLE, resolve=Names())
    assert "nobody.example.com could not be resolved" in trouble.message


def test_a_lookup_that_hangs_is_given_up(server: ModelServer) -> None:
    async def hanging(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    hasty = replace(PATIENT, connect=0.01)
    source = {"http": {"url": "http://models.example.com/x"}}
    trouble = refused(source, Reason.SOURCE_UNREACHABLE, resolve=hanging, limits=hasty)
    assert "could not be resolved in time" in trouble.message


def test_a_name_without_addresses_may_get_some_later() -> None:
    names = Names({"models.example.com": [[]]})
    trouble = refused({"http": {"url": "http://models.example.com/x"}}, Reason.SOURCE_UNREACHABLE, resolve=names)
    assert "has no address" in trouble.message


def test_signed_addresses_are_asked_for_as_they_were_written(server: ModelServer, tiny: Made) -> None:
    server.add("/a b+c.gguf", tiny)
    ask({"http": {"url": f"{server.base}/a%20b%2Bc.gguf?sig=%2f%2B+x"}}, open_to=server.host)
    assert (server.asked[0].path, server.asked[0].query) == ("/a b+c.gguf", "sig=%2f%2B+x")
    server.routes["/x"] = redirect("/a%20b%2Bc.gguf?sig=%2f%2B+x")
    ask({"http": {"url": f"{server.base}/x"}}, open_to=server.host)
    assert (server.asked[2].path, server.asked[2].query) == ("/a b+c.gguf", "sig=%2f%2B+x")


def test_a_public_address_may_be_reached() -> None:
    guard = Guard((), (), system_resolve)
    for url in ("https://1.1.1.1/x", "https://[2606:4700::1111]/x", "https://[64:ff9b::808:808]/x"):
        asyncio.run(guard.admit(URL(url), 1))
