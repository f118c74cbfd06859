"""The operator's authority: made once, kept, repaired, and replaced long before it ends."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from plimsoll.cluster.errors import ClusterError
from plimsoll.cluster.kinds import CONFIG_MAP, SECRET
from plimsoll.controller.authority import Pair, Term, make_authority
from plimsoll.controller.certificates import AUTHORITY, Certificates
from tests.support.home import HOME, Home
from tests.support.virtual_time import run

NAME = f"plimsoll-routing.{HOME}.svc"
# The handshakes below read the real clock, so this one must too.
NOW = datetime.now(UTC)
MAKES = [f"apply Secret {AUTHORITY}", f"apply ConfigMap {AUTHORITY}"]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def home() -> Home:
    return Home()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def certificates(home: Home, clock: Clock) -> Certificates:
    return Certificates(home, HOME, clock)


def look(certificates: Certificates) -> None:
    asyncio.run(certificates.look())


def bundle(home: Home) -> str:
    return home.data(CONFIG_MAP, AUTHORITY)["ca.crt"]


def shown(certificates: Certificates, trusted: str, host: str = NAME) -> x509.Certificate:
    """What a gateway sees that trusts this bundle; it is as strict as Python is from version 3.13 on."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    strict = ssl.create_default_context(cadata=trusted)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    client = strict.wrap_bio(to_client, to_server, server_hostname=host)
    server = certificates.context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    found = client.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found)


def put(home: Home, certificate: bytes, key: bytes) -> None:
    data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()}
    home.objects["Secret", AUTHORITY]["data"] = data


def test_the_first_look_makes_an_authority_and_tells_gateways_of_it(home: Home, certificates: Certificates) -> None:
    look(certificates)
    assert home.writes == MAKES
    assert certificates.ready.is_set()
    assert set(home.data(SECRET, AUTHORITY)) == {"tls.crt", "tls.key"}
    assert list(home.data(CONFIG_MAP, AUTHORITY)) == ["ca.crt"]
    authority = x509.load_pem_x509_certificate(bundle(home).encode())
    assert authority.not_valid_after_utc == (NOW + timedelta(days=3650)).replace(microsecond=0)


@pytest.mark.parametrize("host", ["plimsoll-routing", f"plimsoll-routing.{HOME}", NAME, f"{NAME}.cluster.local"])
def test_gateways_trust_the_service_under_each_of_its_names(home: Home, certificates: Certificates, host: str) -> None:
    look(certificates)
    shown(certificates, bundle(home), host)


def test_nobody_else_is_trusted_by_it(home: Home, certificates: Certificates) -> None:
    look(certificates)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shown(certificates, bundle(home), "plimsoll-operator")
    stranger = make_authority("plimsoll-routing", Term(NOW, timedelta(days=1)))
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(certificates, stranger.certificate_pem.decode())


def test_only_the_authority_is_in_the_cluster_and_its_key_only_in_the_secret(
    home: Home, certificates: Certificates
) -> None:
    look(certificates)
    assert set(home.objects) == {("Secret", AUTHORITY), ("ConfigMap", AUTHORITY)}
    assert "PRIVATE" not in str(home.objects["ConfigMap", AUTHORITY])


def test_what_is_there_and_good_is_kept(home: Home, certificates: Certificates, clock: Clock) -> None:
    look(certificates)
    before = shown(certificates, bundle(home))
    look(certificates)
    assert shown(certificates, bundle(home)) == before
    look(Certificates(home, HOME, clock))
    assert home.writes == MAKES


def _without_key(home: Home) -> None:
    del home.data(SECRET, AUTHORITY)["tls.key"]


def _no_base64(home: Home) -> None:
    home.data(SECRET, AUTHORITY)["tls.key"] = "?"


def _no_certificate(home: Home) -> None:
    home.data(SECRET, AUTHORITY)["tls.crt"] = base64.b64encode(b"nonsense").decode()


def _no_data(home: Home) -> None:
    del home.objects["Secret", AUTHORITY]["data"]


def _of_two_authorities(home: Home) -> None:
    one, other = (make_authority("plimsoll-routing", Term(NOW, timedelta(days=3650))) for _ in range(2))
    put(home, one.certificate_pem, other.key_pem)


def _ended(home: Home) -> None:
    old = make_authority("plimsoll-routing", Term(NOW, timedelta(minutes=-1)))
    put(home, old.certificate_pem, old.key_pem)


def _that_may_not_issue(home: Home) -> None:
    """As from somebody who has put another certificate of a server there."""
    from plimsoll.controller.authority import SERVES, issue, named

    authority = make_authority("somebody", Term(NOW, timedelta(days=3650)))
    leaf: Pair = issue(authority, named("leaf"), ["leaf"], [SERVES], Term(NOW, timedelta(days=3650)))
    put(home, leaf.certificate_pem, leaf.key_pem)


def _deleted(home: Home) -> None:
    del home.objects["Secret", AUTHORITY]


DAMAGES = [
    *(_without_key, _no_base64, _no_certificate, _no_data),
    *(_of_two_authorities, _ended, _that_may_not_issue, _deleted),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_authority_is_replaced_and_the_old_one_is_trusted_no_more(
    home: Home, certificates: Certificates, damage: Callable[[Home], None]
) -> None:
    look(certificates)
    old = bundle(home)
    damage(home)
    look(certificates)
    assert home.writes == MAKES * 2
    assert bundle(home) != old
    assert bundle(home).count("BEGIN CERTIFICATE") == 1
    shown(certificates, bundle(home))
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(certificates, old)
    look(certificates)
    assert home.writes == MAKES * 2


def test_an_authority_that_was_put_back_is_taken(home: Home, certificates: Certificates) -> None:
    look(certificates)
    kept, old = dict(home.data(SECRET, AUTHORITY)), bundle(home)
    del home.objects["Secret", AUTHORITY]
    look(certificates)
    home.objects["Secret", AUTHORITY]["data"] = kept
    look(certificates)
    assert bundle(home) == old
    shown(certificates, old)


@pytest.mark.parametrize("damaged", [True, False])
def test_the_config_map_is_put_right(home: Home, certificates: Certificates, damaged: bool) -> None:
    look(certificates)
    good = bundle(home)
    if damaged:
        home.data(CONFIG_MAP, AUTHORITY)["ca.crt"] = "nonsense"
    else:
        del home.objects["ConfigMap", AUTHORITY]
    look(certificates)
    assert bundle(home) == good
    assert home.writes == [*MAKES, MAKES[1]]


def test_the_certificate_is_renewed_while_it_is_good(home: Home, certificates: Certificates, clock: Clock) -> None:
    # Begun in the past, so that the handshake below takes the last one today.
    clock.now = NOW - timedelta(days=21)
    look(certificates)
    first = shown(certificates, bundle(home))
    clock.now = NOW - timedelta(days=2)
    look(certificates)
    assert shown(certificates, bundle(home)) == first
    clock.now = NOW
    look(certificates)
    renewed = shown(certificates, bundle(home))
    assert renewed.not_valid_after_utc == (NOW + timedelta(days=30)).replace(microsecond=0)
    assert home.writes == MAKES


def test_the_next_authority_begins_a_year_before_the_end_and_both_are_trusted(
    home: Home, certificates: Certificates, clock: Clock
) -> None:
    clock.now = NOW - timedelta(days=3650 - 365)
    look(certificates)
    old = bundle(home)
    clock.now = NOW - timedelta(days=1)
    look(certificates)
    by_the_old = shown(certificates, old)
    clock.now = NOW + timedelta(hours=1)
    look(certificates)
    both = bundle(home)
    assert both.count("BEGIN CERTIFICATE") == 2
    assert both.endswith(old)
    # Who has not heard of the new one is served as before, and the other one too.
    assert shown(certificates, old) == shown(certificates, both) == by_the_old
    # A process that begins now issues by the new one.
    after = Certificates(home, HOME, clock)
    look(after)
    assert bundle(home) == both
    shown(after, both)
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(after, old)


def test_an_authority_that_has_ended_is_trusted_no_more(home: Home, certificates: Certificates, clock: Clock) -> None:
    clock.now = NOW - timedelta(days=3640)
    look(certificates)
    old = bundle(home)
    clock.now = NOW
    look(certificates)
    assert bundle(home).endswith(old)
    clock.now = NOW + timedelta(days=11)
    look(certificates)
    assert bundle(home).count("BEGIN CERTIFICATE") == 1
    assert old not in bundle(home)


@pytest.mark.parametrize("fails", [1, 2])
def test_what_an_outage_has_left_half_done_is_finished(home: Home, certificates: Certificates, fails: int) -> None:
    home.fails_at = {fails}
    with pytest.raises(ClusterError):
        look(certificates)
    assert not certificates.ready.is_set()
    look(certificates)
    shown(certificates, bundle(home))


def test_it_asks_again_until_the_api_server_answers(home: Home, clock: Clock) -> None:
    async def main() -> None:
        certificates = Certificates(home, HOME, clock)
        home.away = True
        keeping = asyncio.create_task(certificates.keep())
        await asyncio.sleep(60)
        assert not certificates.ready.is_set()
        home.away = False
        await certificates.ready.wait()
        home.objects.clear()
        await asyncio.sleep(60)
        assert set(home.objects) == {("Secret", AUTHORITY), ("ConfigMap", AUTHORITY)}
        keeping.cancel()

    run(main())
