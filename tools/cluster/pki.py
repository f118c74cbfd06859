"""Certificates of one cluster: a CA of its own, and one key pair for everyone who speaks to the API server."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plimsoll.controller.authority import CALLS, SERVES, Pair, Term, issue, key_pem, make_authority, named, read_pair
from tools.cluster.instance import write_atomically

_VALID = datetime.timedelta(days=3650)


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
        self._term = Term(now, _VALID)
        if not (folder / "ca.crt").exists():
            # The certificate comes last: with it, all is there.
            self._make_signer()
            self._keep("ca", make_authority("plimsoll-test-cluster", self._term))
        self._pair = read_pair((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes())

    def _make_signer(self) -> None:
        """Of the tokens of service accounts."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write(self.folder / "sa.key", key_pem(key))
        _write(self.folder / "sa.pub", public)

    def issue(self, identity: Identity) -> None:
        if (self.folder / f"{identity.file}.crt").exists():
            return
        usages = [CALLS, SERVES] if identity.hosts else [CALLS]
        subject = named(identity.name, identity.group)
        self._keep(identity.file, issue(self._pair, subject, identity.hosts, usages, self._term))

    def _keep(self, file: str, pair: Pair) -> None:
        _write(self.folder / f"{file}.key", pair.key_pem)
        _write(self.folder / f"{file}.crt", pair.certificate_pem)

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


def _write(path: Path, content: bytes) -> None:
    # Half a certificate, left by a full disk, would be kept for good.
    write_atomically(path, content.decode())
