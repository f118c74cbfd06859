"""To whom a Secret is shown: the hosts that its owner lists, or the one that is its own."""

from __future__ import annotations

import pytest
from yarl import URL

from plimsoll.api.reasons import Reason
from plimsoll.weights.credentials import Credential, bearer
from plimsoll.weights.trouble import SourceTrouble

HUB = "huggingface.co"


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("", "https://huggingface.co/x"),
        (" \n", "https://HuggingFace.co/x"),
        ("hub.example.com", "https://hub.example.com/x"),
        ("a.example.com,hub.example.com", "https://hub.example.com:8443/x"),
        ("a.example.com\n  HUB.example.com\n", "https://hub.example.com/x"),
        ("hub.example.com:8443", "https://hub.example.com:8443/x"),
        ("hub.example.com:443", "https://hub.example.com/x"),
        ("huggingface.co", "https://huggingface.co/x"),
    ],
)
def test_a_secret_is_shown_to_hosts_of_its_list_or_to_its_own(hosts: str, url: str) -> None:
    assert bearer(Credential({"token": "t", "hosts": hosts}), URL(url), own=HUB) == {"Authorization": "Bearer t"}


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("", "https://hub.example.com/x"),
        ("hub.example.com", "https://huggingface.co/x"),
        ("hub.example.com", "https://hub.example.com.evil.com/x"),
        ("hub.example.com", "https://xhub.example.com/x"),
        ("hub.example.com:8443", "https://hub.example.com/x"),
        ("*.example.com", "https://hub.example.com/x"),
        ("https://hub.example.com", "https://hub.example.com/x"),
    ],
)
def test_a_secret_is_shown_to_nobody_else(hosts: str, url: str) -> None:
    with pytest.raises(SourceTrouble) as raised:
        bearer(Credential({"token": "canary-token", "hosts": hosts}), URL(url), own=HUB)
    assert raised.value.reason is Reason.HOST_NOT_ALLOWED
    assert "canary" not in str(raised.value.finding)


def test_without_a_secret_nothing_is_shown() -> None:
    assert bearer(None, URL("https://huggingface.co"), own=HUB) == {}


def test_a_secret_is_not_printed() -> None:
    assert "canary" not in repr(Credential({"token": "canary-token"}))
