"""Secrets of others are never read, and what stands in a Secret is never found outside it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from plimsoll.api import names
from tests.support import objects
from tests.support.audit import Audit
from tests.support.canaries import Canaries
from tests.support.certificates import self_signed, server_side
from tests.support.gguf_models import small
from tests.support.kube import Kube, Object
from tests.support.model_configs import base, merged, model_config
from tests.support.model_server import Asked, Content, ModelServer, Reply, Route, model_server, own_address
from tests.support.operated import Model
from tests.support.operator_rights import kubeconfig_of
from tests.support.operators import Operators
from tools.cluster.cluster import ProcessCluster

_RELEASED = {names.LABEL_CREDENTIAL: "true"}


def secret(namespace: str, name: str, data: dict[str, bytes], labels: Object | None = None) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": _RELEASED if labels is None else labels},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


@dataclass(frozen=True)
class Borders:
    """Two namespaces, one operator with a name of its own for both, and what only the second one has."""

    kube: Kube
    ours: str
    theirs: str
    user: str
    audit: Audit
    bucket: Object

    def model(self, namespace: str, name: str, spec: Object) -> Model:
        return Model(self.kube, model_config(spec, name, namespace))

    def looks(self) -> set[tuple[str, str, str]]:
        """At Secrets and claims: where, which verb, which object."""
        return {
            (each.namespace, each.verb, f"{each.resource}/{each.name}")
            for each in self.audit.requests(self.user)
            if each.resource in ("secrets", "persistentvolumeclaims")
        }


@pytest.fixture
def borders(
    *, cluster: ProcessCluster, kube: Kube, namespace: str, operators: Operators, server: ModelServer, audit: Audit
) -> Borders:
    user, theirs = f"operator-{secrets.token_hex(4)}", f"theirs-{secrets.token_hex(4)}"
    kube.create(objects.namespace(theirs))
    keys = {"accessKeyId": b"an-id", "secretAccessKey": b"a-secret", "apiKey": b"a-key"}
    kube.create(secret(theirs, "key", {**keys, "hosts": server.host.encode()}))
    kube.create(objects.claim(theirs, "weights"))
    server.add_bucket("weights", {"tiny.gguf": Content.of(small())})
    operators.start(
        kubeconfig=kubeconfig_of(cluster, user, "system:masters"), options=("--no-lease", f"--namespace={theirs}")
    )
    bucket = {"s3": {"bucket": "weights", "key": "tiny.gguf", "endpoint": server.base}}
    return Borders(kube, namespace, theirs, user, audit, {**bucket, "credential": {"secretName": "key"}})


def test_s_02_what_lies_in_another_namespace_is_neither_read_nor_used(borders: Borders, server: ModelServer) -> None:
    external = {"provider": "openai", "model": "gpt-4o", "credential": {"secretName": "key"}}
    claim = {"pvc": {"claimName": "weights", "path": "tiny.gguf"}}
    for name, spec, reason in (
        ("bucket", {"source": borders.bucket}, "SecretMissing"),
        ("external", {"external": external}, "SecretMissing"),
        ("claim", {"source": claim}, "ClaimMissing"),
    ):
        borders.model(borders.ours, name, spec).create().says("Ready", "False", reason)
    assert server.asked == []
    assert borders.looks() == {
        (borders.ours, "get", "secrets/key"),
        (borders.ours, "get", "persistentvolumeclaims/weights"),
    }
    # In its own namespace each of them opens what it is for.
    borders.model(borders.theirs, "bucket", {"source": borders.bucket}).create().is_accepted()
    borders.model(borders.theirs, "claim", {"source": claim}).create().says("Ready", "False", "Sizing")


_ELSEWHERE = ("theirs/key", "../theirs/secrets/key", "theirs:key", "theirs.key/", "key?namespace=theirs", "*", "")


@pytest.mark.usefixtures("definition")
@pytest.mark.parametrize("name", _ELSEWHERE)
def test_s_02_no_name_leads_out_of_the_namespace(kube: Kube, namespace: str, name: str) -> None:
    for kind, change in (
        ("bucket", {"source": {"credential": {"secretName": name}}}),
        ("external", {"external": {"credential": {"secretName": name}}}),
        ("claim", {"source": {"pvc": {"claimName": name}}}),
        ("hub", {"podTemplate": {"spec": {"imagePullSecrets": [{"name": name}]}}}),
        ("hub", {"podTemplate": {"spec": {"volumes": [{"name": "a", "configMap": {"name": name}}]}}}),
        ("hub", {"podTemplate": {"spec": {"volumes": [{"name": "a", "secret": {"secretName": "key"}}]}}}),
    ):
        assert kube.refusal(model_config(merged(base(kind), change), "elsewhere", namespace)), change


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A server that operators which start from now on trust with a token."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, from which no operator reads")
    certificate = self_signed(tmp_path / "certificate.pem", address)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with model_server(address, server_side(certificate)) as server:
        yield server


def in_the_body(status: int) -> Route:
    return lambda asked: Reply.text(_shown(asked).encode(), status)


def in_the_address(asked: Asked) -> Reply:
    return Reply(302, {"Location": f"/elsewhere?{_shown(asked)}"}, length=0)


def in_the_headers(asked: Asked) -> Reply:
    told = _shown(asked)
    return Reply.text(b"{}", 404, X_Error_Code=told, X_Error_Message=told, ETag=f'"{told}"')


def _shown(asked: Asked) -> str:
    """What a careless server writes into its page of an error."""
    return asked.headers.get("authorization", "")


# How a server may answer whoever shows it a token.
ECHOES: dict[str, tuple[Route, str]] = {
    "forbidden": (in_the_body(403), "SourceForbidden"),
    "broken": (in_the_body(500), "SourceUnreachable"),
    "no-json": (in_the_body(200), "SourceUnreachable"),
    "onward": (in_the_address, "SourceNotFound"),
    "headers": (in_the_headers, "SourceNotFound"),
}


def test_s_03_what_stands_in_a_secret_is_found_nowhere_else(
    operators: Operators, kube: Kube, namespace: str, encrypted: ModelServer, canaries: Canaries
) -> None:
    operator = operators.start(options=("--no-lease", "--log-level=debug"))
    host = encrypted.host.encode()

    def declare(name: str, spec: Object, labels: Object | None = None, **data: bytes) -> Model:
        kube.create(secret(namespace, name, {"hosts": host, **data}, labels))
        kind = "external" if "external" in spec else "source"
        return Model(kube, model_config(merged(spec, {kind: {"credential": {"secretName": name}}}), name, namespace))

    def canary() -> bytes:
        return canaries.plant().encode()

    token = canaries.plant()
    encrypted.add_hub("team/tiny", {"tiny.gguf": Content.of(small())}, token=token)
    encrypted.add_bucket("weights", {"tiny.gguf": Content.of(small())})
    bucket = {"source": {"s3": {"bucket": "weights", "key": "tiny.gguf", "endpoint": encrypted.base}}}
    external = {"external": {"provider": "openai", "model": "gpt-4o"}}
    wanted = [
        (declare("good", _hub(encrypted), token=token.encode()), ("True", "Accepted")),
        (declare("bucket", bucket, accessKeyId=b"an-id", secretAccessKey=canary()), ("True", "Accepted")),
        (declare("provider", external, apiKey=canary()), ("True", "Accepted")),
        (declare("two-lines", _hub(encrypted), token=canary() + b"\n" + canary()), ("False", "SecretMissing")),
        (declare("no-text", _hub(encrypted), token=b"\xff" + canary()), ("False", "SecretMissing")),
        (declare("unlabelled", _hub(encrypted), {}, token=canary()), ("False", "SecretNotReleased")),
        (declare("elsewhere", _hub(encrypted), token=canary(), hosts=b"a.example.com"), ("False", "HostNotAllowed")),
    ]
    for name, (route, reason) in ECHOES.items():
        encrypted.routes[f"/{name}/api/models/team/tiny/revision/main"] = route
        wanted.append((declare(name, _hub(encrypted, f"/{name}"), token=canary()), ("False", reason)))
    for model, _ in wanted:
        model.create()
    for model, (status, reason) in wanted:
        model.says("Accepted", status, reason)
    operator.rest()
    assert canaries.search([("the metrics", operator.process.metrics())]) == []
    _require_mounts_only(kube, namespace)


def _hub(server: ModelServer, path: str = "") -> Object:
    hub = {"repository": "team/tiny", "file": "tiny.gguf", "endpoint": f"{server.base}{path}"}
    return {"source": {"huggingFace": hub}}


def _require_mounts_only(kube: Kube, namespace: str) -> None:
    """Credentials reach pods as files of the kubelet, and only the container that downloads."""
    mounted = set()
    for each in kube.list("apps/v1", "Deployment", namespace):
        pod = each["spec"]["template"]["spec"]
        secrets_of = {volume["name"] for volume in pod["volumes"] if "secret" in volume}
        for container in [*pod["containers"], *pod["initContainers"]]:
            assert not container.get("envFrom")
            assert all("valueFrom" not in variable for variable in container["env"])
            mounts = {mount["name"] for mount in container["volumeMounts"]} & secrets_of
            mounted |= {container["name"]} if mounts else set()
    assert mounted == {"fetch"}
