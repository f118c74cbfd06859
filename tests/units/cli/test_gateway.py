"""From which source `plimsoll gateway` takes its routing document."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll import logs
from plimsoll.gateway import serving
from plimsoll.gateway.settings import Operator, Settings
from tests.support.command import Answered, Command

FILES = ("--operator-ca=ca.crt", "--operator-token=token")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    found: list[Settings] = []
    monkeypatch.setattr(logs, "set_up_server", lambda: None)
    monkeypatch.setattr(serving, "serve", found.append)
    return found


def run(plimsoll: Command, *arguments: str) -> Answered:
    return plimsoll("gateway", *arguments)


def test_a_file(plimsoll: Command, served: list[Settings]) -> None:
    assert run(plimsoll, "--routing=routing.json").code == 0
    assert served[0].routing == Path("routing.json")


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("plimsoll-routing.plimsoll-system.svc:9443", "plimsoll-routing.plimsoll-system.svc", 9443),
        ("localhost", "localhost", 8443),
        ("[::1]:9443", "::1", 9443),
        ("[::1]", "::1", 8443),
    ],
)
def test_an_operator(plimsoll: Command, served: list[Settings], address: str, host: str, port: int) -> None:
    assert run(plimsoll, f"--operator={address}", *FILES, "--copy=copy").code == 0
    wanted = Operator(host=host, port=port, ca=Path("ca.crt"), token=Path("token"), copy=Path("copy"))
    assert served[0].routing == wanted


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing says where the routing document comes from"),
        (("--routing=a", "--operator=b:1", *FILES), "two sources of one document"),
        (("--operator=b:1", "--operator-token=c"), "--operator needs --operator-ca"),
        (("--operator=b:1", "--operator-ca=c"), "--operator needs --operator-token"),
        (("--routing=a", "--copy=c"), "--copy is only of use with --operator"),
        (("--operator=b:c", *FILES), "no HOST:PORT: b:c"),
        (("--operator=b:65536", *FILES), "no HOST:PORT"),
        (("--operator=:1", *FILES), "no HOST:PORT"),
    ],
)
def test_anything_else_is_told_before_anything_is_done(
    plimsoll: Command, served: list[Settings], arguments: tuple[str, ...], words: str
) -> None:
    answered = run(plimsoll, *arguments)
    assert answered.code != 0
    assert words in answered.errors
    assert "What to do: give --routing FILE, or --operator HOST:PORT" in answered.errors
    assert not served
