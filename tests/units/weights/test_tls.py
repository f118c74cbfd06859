"""Encrypted sources: the certificate has to be for the name, although the connection goes to a checked address."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from plimsoll.api.reasons import Reason
from tests.support.certificates import self_signed, server_side
from tests.support.gguf_maker import Made
from tests.support.model_server import ModelServer, model_server, redirect
from tests.support.sources import Names, ask, refused

HOST = "models.example.com"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for HOST that signs itself, with its key in the same file."""
    return self_signed(tmp_path_factory.mktemp("tls") / "both.pem", HOST)


@pytest.fixture
def encrypted(address: str, certificate: Path) -> Iterator[ModelServer]:
    with model_server(address, server_side(certificate)) as running:
        yield running


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the certificate lay in the file that SSL_CERT_FILE named at the start."""
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(certificate)))


def named(host: str, server: ModelServer) -> Names:
    return Names({host: [[server.host]]})


@pytest.mark.usefixtures("trusted")
def test_a_name_is_verified_at_the_address_that_was_checked(encrypted: ModelServer, tiny: Made) -> None:
    encrypted.add("/x.gguf", tiny)
    source = {"http": {"url": f"https://{HOST}:{encrypted.port}/x.gguf"}}
    assert ask(source, open_to=encrypted.host, resolve=named(HOST, encrypted)).model is not None
    assert encrypted.asked[0].headers["host"] == f"{HOST}:{encrypted.port}"


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_refused(encrypted: ModelServer, tiny: Made) -> None:
    encrypted.add("/x.gguf", tiny)
    source = {"http": {"url": f"https://other.example.com:{encrypted.port}/x.gguf"}}
    names = named("other.example.com", encrypted)
    trouble = refused(source, Reason.SOURCE_UNREACHABLE, open_to=encrypted.host, resolve=names)
    assert "certificate" in trouble.message
    assert encrypted.asked == []


def test_a_certificate_that_nobody_vouches_for_is_refused(encrypted: ModelServer, tiny: Made) -> None:
    encrypted.add("/x.gguf", tiny)
    source = {"http": {"url": f"https://{HOST}:{encrypted.port}/x.gguf"}}
    names = named(HOST, encrypted)
    trouble = refused(source, Reason.SOURCE_UNREACHABLE, open_to=encrypted.host, resolve=names)
    assert "certificate" in trouble.message
    assert encrypted.asked == []


@pytest.mark.usefixtures("trusted")
def test_a_redirect_does_not_take_the_encryption_away(encrypted: ModelServer, server: ModelServer, tiny: Made) -> None:
    encrypted.routes["/x.gguf"] = redirect(server.add("/x.gguf", tiny))
    source = {"http": {"url": f"https://{HOST}:{encrypted.port}/x.gguf"}}
    names = named(HOST, encrypted)
    trouble = refused(source, Reason.ADDRESS_REFUSED, open_to=encrypted.host, resolve=names)
    assert "without encryption" in trouble.message
    assert server.asked == []
