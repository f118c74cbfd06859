"""The operator's own authority: it lies in the cluster, and what it issues for the line to gateways stays in here."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError, NotFound
from plimsoll.cluster.kinds import CONFIG_MAP, SECRET, Object
from plimsoll.controller.at_home import SERVICE, at_home, encoded
from plimsoll.controller.authority import SERVES, NoPair, Pair, Term, issue, make_authority, named, read_pair

_log = logging.getLogger(__name__)

# The Secret with the authority, and the ConfigMap with those that gateways trust.
AUTHORITY = "plimsoll-routing-ca"
BUNDLE_KEY = "ca.crt"
_CERTIFICATE, _KEY = "tls.crt", "tls.key"

_AUTHORITY_LASTS = timedelta(days=3650)
# Both are trusted for so long, and gateways hear of the new one within minutes.
_OVERLAP = timedelta(days=365)
_LASTS = timedelta(days=30)
_RENEWED_BEFORE = timedelta(days=10)
_LOOK_SECONDS = 30.0
_ASK_AGAIN_SECONDS = 2.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Trust:
    """Who issues now, and everybody whose certificates still count: the issuer first."""

    issuer: Pair
    trusted: tuple[x509.Certificate, ...]

    @property
    def bundle(self) -> bytes:
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.trusted)

    def counts(self, issued: x509.Certificate) -> bool:
        """Whether whoever trusts us trusts this one."""
        for each in self.trusted:
            try:
                issued.verify_directly_issued_by(each)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return True
        return False


class Certificates:
    """Used under the lease only: two that repair would each undo what the other one has made."""

    def __init__(self, client: Client, home: str, wall_clock: Callable[[], datetime] = _utc_now) -> None:
        self._client = client
        self._home = home
        self._wall_clock = wall_clock
        self._issued: x509.Certificate | None = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        # From then on the context has a certificate, and always one that counts.
        self.ready = asyncio.Event()

    async def keep(self) -> None:
        """For ever: makes what is missing, repairs what is damaged, renews what will soon end."""
        while True:
            try:
                await self.look()
            except ClusterError as error:
                _log.error("the certificates for gateways cannot be looked after: %s; %s", error.message, error.fix)
            await asyncio.sleep(_LOOK_SECONDS if self.ready.is_set() else _ASK_AGAIN_SECONDS)

    async def look(self) -> None:
        """Once. Raises ClusterError."""
        now = self._wall_clock()
        trust = await self._trust(now)
        await self._publish(trust)
        if not self._good(trust, now):
            self._issue(trust, now)
        self.ready.set()

    async def _trust(self, now: datetime) -> _Trust:
        try:
            found = await self._client.get(SECRET, self._home, AUTHORITY)
        except NotFound:
            _log.info("making an authority for the line to gateways")
            return await self._make(now, (), only_new=True)
        try:
            trust = _read(found, now)
        except NoPair as trouble:
            # Those that it has signed are not trusted any more: nobody knows who has the key.
            _log.error("the Secret %s/%s is damaged, so there is a new authority: %s", self._home, AUTHORITY, trouble)
            return await self._make(now, ())
        if trust.issuer.certificate.not_valid_after_utc - now > _OVERLAP:
            return trust
        _log.info("the authority for the line to gateways ends in less than a year: the next one begins")
        return await self._make(now, trust.trusted)

    async def _make(self, now: datetime, earlier: tuple[x509.Certificate, ...], *, only_new: bool = False) -> _Trust:
        issuer = make_authority(f"{SERVICE} {now:%Y-%m-%d}", Term(now, _AUTHORITY_LASTS))
        trust = _Trust(issuer, (issuer.certificate, *earlier))
        data = {_CERTIFICATE: trust.bundle, _KEY: issuer.key_pem}
        wanted = {**at_home(SECRET, self._home, AUTHORITY), "data": encoded(data)}
        await self._client.apply(wanted, only_new=only_new)
        return trust

    async def _publish(self, trust: _Trust) -> None:
        wanted = trust.bundle.decode()
        try:
            found = await self._client.get(CONFIG_MAP, self._home, AUTHORITY)
        except NotFound:
            found = {}
        if (found.get("data") or {}).get(BUNDLE_KEY) != wanted:
            await self._client.apply({**at_home(CONFIG_MAP, self._home, AUTHORITY), "data": {BUNDLE_KEY: wanted}})

    def _good(self, trust: _Trust, now: datetime) -> bool:
        issued = self._issued
        return issued is not None and trust.counts(issued) and issued.not_valid_after_utc - now > _RENEWED_BEFORE

    def _issue(self, trust: _Trust, now: datetime) -> None:
        """Connections that are open stay; those that begin now see the new one."""
        pair = issue(trust.issuer, named(SERVICE), _hosts(self._home), [SERVES], Term(now, _LASTS))
        # Python reads them from files only: one that is gone at once, and that nobody else may open.
        with tempfile.NamedTemporaryFile() as file:
            file.write(pair.certificate_pem + pair.key_pem)
            file.flush()
            self.context.load_cert_chain(file.name)
        self._issued = pair.certificate
        _log.info("the certificate for gateways is valid until %s", pair.certificate.not_valid_after_utc)


def _hosts(home: str) -> list[str]:
    return [SERVICE, f"{SERVICE}.{home}", f"{SERVICE}.{home}.svc", f"{SERVICE}.{home}.svc.cluster.local"]


def _read(found: Object, now: datetime) -> _Trust:
    """Raises NoPair."""
    try:
        data = {key: base64.b64decode(found["data"][key], validate=True) for key in (_CERTIFICATE, _KEY)}
        trusted = x509.load_pem_x509_certificates(data[_CERTIFICATE])
    except (KeyError, TypeError, ValueError):
        raise NoPair(f"it has no {_CERTIFICATE} and {_KEY} that can be read") from None
    issuer = read_pair(data[_CERTIFICATE], data[_KEY])
    if not _may_issue(issuer.certificate):
        raise NoPair("its certificate is not that of an authority")
    return _Trust(issuer, tuple(each for each in trusted if each.not_valid_after_utc > now))


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
