"""Certificates as both ends of a line take them: an authority that signs itself, and what it issues."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVES = ExtendedKeyUsageOID.SERVER_AUTH
CALLS = ExtendedKeyUsageOID.CLIENT_AUTH

# Clocks of two machines differ.
_SKEW = timedelta(hours=1)
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
class Term:
    """From when on a certificate counts, and for how long."""

    now: datetime
    lasts: timedelta


@dataclass(frozen=True)
class Pair:
    """A certificate, and the key that belongs to it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class NoPair(Exception):
    """What is there is no certificate with its key; neither is quoted."""


def read_pair(certificate: bytes, key: bytes) -> Pair:
    """Raises NoPair."""
    try:
        found = serialization.load_pem_private_key(key, None)
        read = x509.load_pem_x509_certificate(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NoPair("it cannot be read") from None
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise NoPair("its key is of another kind")
    if read.public_key() != found.public_key():
        raise NoPair("its key belongs to another certificate")
    return Pair(read, found)


def named(name: str, group: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)


def make_authority(name: str, term: Term) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(named(name), key.public_key(), term)
    builder = _signed_by(builder, named(name), key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def issue(
    authority: Pair, subject: x509.Name, hosts: Sequence[str], usages: Sequence[x509.ObjectIdentifier], term: Term
) -> Pair:
    """For hosts by their names or addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(subject, key.public_key(), term)
    builder = _signed_by(builder, authority.certificate.subject, authority.key.public_key())
    if hosts:
        names = x509.SubjectAlternativeName([_host(each) for each in hosts])
        builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey, term: Term) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(term.now - _SKEW)
        .not_valid_after(term.now + term.lasts)
        # Python 3.13 and newer refuse a certificate without the two key identifiers.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed_by(
    builder: x509.CertificateBuilder, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return builder.issuer_name(issuer).add_extension(identifier, critical=False)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
