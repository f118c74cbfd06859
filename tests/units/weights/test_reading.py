"""A source is asked once for all who want to know, and afterwards only whether it is still the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.weights.reading import SourceReader, SourceRequest
from plimsoll.weights.trouble import SourceTrouble
from tests.support.gguf_maker import Made
from tests.support.model_server import Asked, Content, ModelServer, Reply, served
from tests.support.sources import PATIENT, refused
from tests.units.weights.test_web import TENSORS, name, part

TOKEN = {"token": "canary-token", "hosts": ""}


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def web(server: ModelServer, path: str = "/x.gguf", credential: Mapping[str, str] | None = None) -> SourceRequest:
    return SourceRequest({"http": {"url": f"{server.base}{path}"}}, credential, (f"{server.host}/32",))


def later(server: ModelServer, change: Any = None, path: str = "/x.gguf") -> list[str]:
    """The identities before and after two minutes, in which something changes."""
    clock = Clock()

    async def read() -> list[str]:
        reader = SourceReader(limits=PATIENT, monotonic=clock)
        first = await reader.read_source(web(server, path))
        clock.seconds += 120
        if change is not None:
            change()
        return [first.identity, (await reader.read_source(web(server, path))).identity]

    return asyncio.run(read())


def test_a_thousand_who_ask_the_same_make_one_read(server: ModelServer, tiny: Made) -> None:
    server.add("/x.gguf", tiny)

    async def read() -> None:
        reader = SourceReader(limits=PATIENT)
        together = await asyncio.gather(*(reader.read_source(web(server)) for _ in range(500)))
        after = [await reader.read_source(web(server)) for _ in range(500)]
        assert len({facts.identity for facts in (*together, *after)}) == 1

    asyncio.run(read())
    assert len(server.asked) == 1


def test_an_unchanged_file_is_not_read_again(server: ModelServer, tiny: Made) -> None:
    server.add("/x.gguf", tiny)
    assert later(server) == ["etag:one", "etag:one"]
    assert server.asked[1].headers["if-none-match"] == '"one"'
    assert server.sent == tiny.file_size


def test_a_file_with_another_etag_is_read_again(server: ModelServer, tiny: Made) -> None:
    server.add("/x.gguf", tiny)
    assert later(server, lambda: server.add("/x.gguf", tiny, etag='"two"')) == ["etag:one", "etag:two"]


def test_a_server_that_knows_no_conditions_is_believed_by_its_etag(server: ModelServer, tiny: Made) -> None:
    def simple(asked: Asked) -> Reply:
        plain = {name: value for name, value in asked.headers.items() if name != "if-none-match"}
        return served(Content.of(tiny))(replace(asked, headers=plain))

    server.routes["/x.gguf"] = simple
    assert later(server) == ["etag:one", "etag:one"]


def test_without_a_validator_a_file_is_read_again(server: ModelServer, tiny: Made) -> None:
    server.add("/x.gguf", tiny, etag=None)
    before, after = later(server, lambda: server.add("/x.gguf", Content(tiny.data, tiny.file_size + 32), etag=None))
    assert before != after


def test_a_model_in_parts_is_read_again_when_one_of_them_changes(server: ModelServer) -> None:
    assert TENSORS
    for number in range(3):
        server.add(f"/{name(number)}", part(number), etag=f'"{number}"')
    path = f"/{name(0)}"
    before, same = later(server, path=path)
    assert before == same
    assert [asked.headers.get("if-none-match") for asked in server.asked][3:] == ['"0"', '"1"', '"2"']
    _, changed = later(server, lambda: server.add(f"/{name(2)}", part(2), etag='"new"'), path=path)
    assert changed != before


def test_another_credential_is_another_question(server: ModelServer, tiny: Made) -> None:
    server.add("/x.gguf", tiny)
    keys = {web(server, credential=secret).key for secret in (None, TOKEN, {**TOKEN, "token": "other"})}
    assert len(keys) == 3
    assert not any("canary" in key for key in keys)
    assert "canary" not in repr(web(server, credential=TOKEN))


def test_nodes_that_come_and_go_do_not_make_it_another_question(server: ModelServer) -> None:
    assert replace(web(server), refused_networks=("10.0.0.1",)).key == web(server).key
    assert web(server, "/y.gguf").key != web(server).key


def test_a_failure_is_not_kept(server: ModelServer, tiny: Made) -> None:
    async def read() -> None:
        reader = SourceReader(limits=PATIENT)
        with pytest.raises(SourceTrouble):
            await reader.read_source(web(server))
        server.add("/x.gguf", tiny)
        assert (await reader.read_source(web(server))).model is not None

    asyncio.run(read())


def test_who_gives_up_does_not_take_the_answer_from_the_others(server: ModelServer, tiny: Made) -> None:
    go = threading.Event()

    def slow(asked: Asked) -> Reply:
        go.wait(5)
        return served(Content.of(tiny))(asked)

    server.routes["/x.gguf"] = slow

    async def read() -> None:
        reader = SourceReader(limits=PATIENT)
        first, second = (asyncio.create_task(reader.read_source(web(server))) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        go.set()
        assert (await second).model is not None

    asyncio.run(read())
    assert len(server.asked) == 1


def test_closing_ends_what_is_still_read(server: ModelServer) -> None:
    over = threading.Event()
    came = threading.Event()

    def silent(_: Asked) -> Reply:
        came.set()
        over.wait(5)
        return Reply(500, length=0)

    server.routes["/x.gguf"] = silent

    async def read() -> None:
        reader = SourceReader(limits=PATIENT)
        waiting = asyncio.create_task(reader.read_source(web(server)))
        await asyncio.to_thread(came.wait, 5)
        await reader.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    try:
        asyncio.run(read())
    finally:
        over.set()


def test_only_so_much_is_kept(server: ModelServer, tiny: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plimsoll.weights.reading._MOST_KEPT", 2)
    for number in range(3):
        server.add(f"/{number}", tiny)

    async def read() -> None:
        reader = SourceReader(limits=PATIENT)
        for number in (0, 1, 2, 2, 1, 0):
            await reader.read_source(web(server, f"/{number}"))

    asyncio.run(read())
    assert server.paths() == ["/0", "/1", "/2", "/0"]


def test_what_was_asked_for_again_is_kept_longer(
    server: ModelServer, tiny: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plimsoll.weights.reading._MOST_KEPT", 2)
    clock = Clock()
    for number in range(3):
        server.add(f"/{number}", tiny)

    async def read() -> None:
        reader = SourceReader(limits=PATIENT, monotonic=clock)
        for number in (0, 1):
            await reader.read_source(web(server, f"/{number}"))
        clock.seconds += 120
        for number in (0, 2, 0):
            await reader.read_source(web(server, f"/{number}"))

    asyncio.run(read())
    assert server.paths() == ["/0", "/1", "/0", "/2"]


def test_only_so_many_sources_are_read_at_the_same_time(
    server: ModelServer, tiny: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plimsoll.weights.reading._AT_ONCE", 1)
    here: set[str] = set()
    together = threading.Event()

    def watched(asked: Asked) -> Reply:
        here.add(asked.path)
        if len(here) > 1:
            together.set()
        together.wait(0.01)  # another one would come now
        here.discard(asked.path)
        return served(Content.of(tiny))(asked)

    for number in range(2):
        server.routes[f"/{number}"] = watched

    async def read() -> None:
        reader = SourceReader(limits=PATIENT)
        await asyncio.gather(*(reader.read_source(web(server, f"/{number}")) for number in range(2)))

    asyncio.run(read())
    assert not together.is_set()


def test_a_network_that_cannot_be_read_is_told() -> None:
    async def read() -> None:
        await SourceReader().read_source(SourceRequest({"http": {"url": "http://1.1.1.1/x"}}, None, ("10.0.0.0/99",)))

    with pytest.raises(SourceTrouble) as raised:
        asyncio.run(read())
    assert raised.value.reason is Reason.ADDRESS_REFUSED
    assert "10.0.0.0/99" in raised.value.message


def test_a_claim_is_not_a_source_for_the_network() -> None:
    async def read() -> None:
        await SourceReader().read_source(SourceRequest({"pvc": {"claimName": "c", "path": "x"}}))

    with pytest.raises(ValueError, match="a Job reads it"):
        asyncio.run(read())


def test_a_source_against_the_contract_is_refused() -> None:
    refused({"http": {"url": "no address"}}, Reason.INVALID_SPEC)


def test_a_finding_has_a_fix_of_its_own_only_when_it_says_more_than_the_reason() -> None:
    plain = SourceTrouble(Reason.SOURCE_NOT_FOUND, "no such file")
    special = SourceTrouble(Reason.SOURCE_NOT_FOUND, "another region", fix="set the region")
    assert plain.finding.told == f"no such file. {Reason.SOURCE_NOT_FOUND.fix}"
    assert special.finding.message == "another region: set the region"
