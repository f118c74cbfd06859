"""Certificates of a cluster: accepted by a strict reader, for the right people, and made only once."""

import base64
import datetime
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.cluster import pki
from tools.cluster.pki import Authority, Identity

# The handshakes below read the real clock, so this one must too.
NOW = datetime.datetime.now(datetime.UTC)
SERVER = Identity("server", "kube-apiserver", hosts=("kubernetes.default.svc", "127.0.0.1"))
ADMIN = Identity("admin", "kubernetes-admin", "system:masters")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path, NOW)
    made.issue(SERVER)
    made.issue(ADMIN)
    return made


def certificate(authority: Authority, file: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((authority.folder / f"{file}.crt").read_bytes())


def context(authority: Authority, purpose: ssl.Purpose, who: Identity) -> ssl.SSLContext:
    """Strict, as Python is from version 3.13 on."""
    made = ssl.create_default_context(purpose, cafile=authority.folder / "ca.crt")
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(authority.folder / f"{who.file}.crt", authority.folder / f"{who.file}.key")
    return made


def handshake(authority: Authority, host: str, server: Identity = SERVER) -> None:
    """Of two ends in memory, each of which verifies the other."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        context(authority, ssl.Purpose.SERVER_AUTH, ADMIN).wrap_bio(to_client, to_server, server_hostname=host),
        context(authority, ssl.Purpose.CLIENT_AUTH, server).wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert all(end.version() for end in ends)


@pytest.mark.parametrize("host", SERVER.hosts)
def test_client_and_server_trust_each_other_under_every_name(authority: Authority, host: str) -> None:
    handshake(authority, host)


def test_a_server_is_not_trusted_under_another_name(authority: Authority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(authority, "example.org")


def test_only_who_has_hosts_may_serve(authority: Authority) -> None:
    serving = {}
    for who in (ADMIN, SERVER):
        usages = certificate(authority, who.file).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        serving[who.file] = ExtendedKeyUsageOID.SERVER_AUTH in usages
    assert serving == {"admin": False, "server": True}


def test_another_cluster_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", NOW)
    other.issue(ADMIN)
    for kind in ("crt", "key"):
        (authority.folder / f"admin.{kind}").write_bytes((other.folder / f"admin.{kind}").read_bytes())
    with pytest.raises(ssl.SSLError):
        handshake(authority, "127.0.0.1")


def test_name_and_group_are_what_the_api_server_reads(authority: Authority) -> None:
    subject = certificate(authority, "admin").subject
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["kubernetes-admin"]
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:masters"]
    nobody = certificate(authority, "server").subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert nobody == []


def test_a_clock_that_runs_a_little_behind_still_accepts_the_certificates(authority: Authority) -> None:
    issued = certificate(authority, "admin")
    assert issued.not_valid_before_utc <= NOW - datetime.timedelta(minutes=30)
    assert issued.not_valid_after_utc > NOW + datetime.timedelta(days=3000)


def test_keys_are_for_their_owner_only(authority: Authority) -> None:
    keys = sorted(authority.folder.glob("*.key"))
    assert [key.name for key in keys] == ["admin.key", "ca.key", "sa.key", "server.key"]
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_issued_is_kept(authority: Authority) -> None:
    before = contents(authority.folder)
    again = Authority(authority.folder, NOW)
    again.issue(SERVER)
    again.issue(ADMIN)
    assert contents(authority.folder) == before


def test_an_authority_that_was_interrupted_is_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole: set[str] = set()
    for point in range(4):
        folder = tmp_path / str(point)
        folder.mkdir()
        written: list[Path] = []
        with monkeypatch.context() as patched:
            patched.setattr(pki, "write_atomically", _dying_after(point, written))
            with pytest.raises(KeyboardInterrupt):
                Authority(folder, NOW)
        Authority(folder, NOW).issue(SERVER)
        whole |= {",".join(sorted(contents(folder)))}
    assert whole == {"ca.crt,ca.key,sa.key,sa.pub,server.crt,server.key"}


def _dying_after(count: int, written: list[Path]) -> Callable[[Path, str], None]:
    def write(path: Path, text: str) -> None:
        if len(written) == count:
            raise KeyboardInterrupt
        written.append(path)
        path.write_text(text)

    return write


def test_half_a_certificate_is_never_kept(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    node = Identity("node", "system:node:node-1", "system:nodes", hosts=("node-1", "10.0.0.1"))
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full_disk)
        with pytest.raises(OSError, match="No space"):
            authority.issue(node)
    authority.issue(node)
    handshake(authority, "node-1", server=node)


def test_a_kubeconfig_needs_no_other_file(authority: Authority) -> None:
    config = yaml.safe_load(authority.kubeconfig(Identity("user", "jane", "team"), "https://10.1.2.3:6443", "test"))
    assert config["current-context"] == "test"
    (cluster,), (user,), (chosen,) = config["clusters"], config["users"], config["contexts"]
    assert chosen["name"] == "test"
    assert chosen["context"] == {"cluster": cluster["name"], "user": user["name"]}
    assert cluster["cluster"]["server"] == "https://10.1.2.3:6443"
    data = cluster["cluster"] | user["user"]
    files = {
        "certificate-authority-data": "ca.crt",
        "client-certificate-data": "user.crt",
        "client-key-data": "user.key",
    }
    assert set(data) == {"server", *files}
    for key, file in files.items():
        assert base64.b64decode(data[key]) == (authority.folder / file).read_bytes()
