"""Certificates of one cluster: a CA of its own, and one key pair for everyone who speaks to the API server."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.cluster.instance import write_atomically

_VALID = datetime.timedelta(days=3650)
_SKEW = datetime.timedelta(hours=1)
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for: name and group decide what RBAC allows; hosts make it a serving certificate too."""

    file: str
    name: str
    group: str = ""
    hosts: Sequence[str] = ()


class Authority:
    """Issues into one folder; what exists is kept, so that a second `up` changes nothing."""

    def __init__(self, folder: Path, now: datetime.datetime) -> None:
        self.folder = folder
        self._now = now
        if not (folder / "ca.crt").exists():
            # The certificate comes last: with it, all is there.
            self._make_signer()
            self._make_ca()
        self._certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    def _make_signer(self) -> None:
        """Of the tokens of service accounts."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write_key(self.folder / "sa.key", key)
        _write(self.folder / "sa.pub", public)

    def _make_ca(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(Identity("ca", "plimsoll-test-cluster"))
        builder = self._builder(subject, subject, key.public_key(), key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
        _write_key(self.folder / "ca.key", key)
        _write(self.folder / "ca.crt", builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, identity: Identity) -> None:
        path = self.folder / f"{identity.file}.crt"
        if path.exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._certificate
        builder = self._builder(_subject(identity), issuer.subject, key.public_key(), self._key.public_key())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if identity.hosts:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(h) for h in identity.hosts]), critical=False
            )
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        _write_key(self.folder / f"{identity.file}.key", key)
        _write(path, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        public_key: ec.EllipticCurvePublicKey,
        issuer_key: ec.EllipticCurvePublicKey,
    ) -> x509.CertificateBuilder:
        # Python 3.13 and newer refuse a certificate without the two key identifiers.
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _SKEW)
            .not_valid_after(self._now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        )

    def kubeconfig(self, identity: Identity, server: str, context: str) -> str:
        """Self-contained, so that the file can be copied or mounted elsewhere. JSON is YAML."""
        self.issue(identity)
        cluster = {"server": server, "certificate-authority-data": self._encoded("ca.crt")}
        user = {
            "client-certificate-data": self._encoded(f"{identity.file}.crt"),
            "client-key-data": self._encoded(f"{identity.file}.key"),
        }
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": context, "cluster": cluster}],
                "users": [{"name": identity.file, "user": user}],
                "contexts": [{"name": context, "context": {"cluster": context, "user": identity.file}}],
                "current-context": context,
            },
            indent=1,
        )

    def _encoded(self, file: str) -> str:
        return base64.b64encode((self.folder / file).read_bytes()).decode()


def _subject(identity: Identity) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, identity.name)]
    if identity.group:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.group))
    return x509.Name(attributes)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    _write(
        path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _write(path: Path, content: bytes) -> None:
    # Half a certificate, left by a full disk, would be kept for good.
    write_atomically(path, content.decode())
