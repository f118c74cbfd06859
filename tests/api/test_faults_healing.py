"""What a user can get wrong later is a condition within half a minute, and heals by itself when it is put right."""

from __future__ import annotations

import base64
import os

import pytest
import yaml

from plimsoll.api import names
from plimsoll.api.reasons import Reason
from plimsoll.api.termination import EXIT_CODES, encode
from plimsoll.weights.inspecting import report_on
from tests.support import objects
from tests.support.gguf_models import small
from tests.support.hub_server import COMMIT
from tests.support.kube import Object
from tests.support.model_server import Asked, Content, ModelServer, Reply, with_headers
from tests.support.operated import House, Model, end_job
from tests.support.operators import usual_configuration

# A Secret that is there is read again once a minute.
_SECRET_SECONDS = 90.0
_WRONG, _RIGHT = "a" * 64, "b" * 64
_RELEASED = {names.LABEL_CREDENTIAL: "true"}
_KEYS = {"accessKeyId": "an-id", "secretAccessKey": "a-secret"}


def secret(model: Model, labels: dict[str, str], **data: str) -> Object:
    """The one that the model names."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**model.config["metadata"], "labels": labels},
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in data.items()},
    }


def in_a_bucket(house: House, server: ModelServer, name: str) -> Model:
    server.add_bucket("weights", {"tiny.gguf": Content.of(small())})
    bucket = {"bucket": "weights", "key": "tiny.gguf", "endpoint": server.base}
    return house.model(name, source={"s3": bucket, "credential": {"secretName": name}})


def on_a_claim(house: House, name: str, **more: str) -> Model:
    return house.model(name, source={"pvc": {"claimName": name, "path": "tiny.gguf"}, **more})


def on_the_web(house: House, server: ModelServer, name: str, **spec: object) -> Model:
    url = server.add("/tiny.gguf", small())
    return house.model(name, source={"http": {"url": url}, "sha256": _WRONG}, **spec)


def the_job(model: Model) -> Object:
    [job] = [each for each in model.children() if each["kind"] == "Job"]
    return job


@pytest.fixture(scope="module")
def good_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `plimsoll fetch inspect` says of a small model."""
    made, path = small(), tmp_path_factory.mktemp("weights") / "tiny.gguf"
    path.write_bytes(made.data)
    os.truncate(path, made.file_size)
    return report_on(path)


def test_a_missing_secret_is_told_and_used_when_it_is_there(house: House, server: ModelServer) -> None:
    model = in_a_bucket(house, server, "no-secret").create()
    model.says("Ready", "False", "SecretMissing")
    assert server.asked == []
    house.kube.create(secret(model, _RELEASED, hosts=server.host, **_KEYS))
    model.is_accepted()


def test_a_secret_without_its_label_is_told_and_used_when_its_owner_labels_it(
    house: House, server: ModelServer
) -> None:
    model = in_a_bucket(house, server, "no-label")
    key = house.kube.create(secret(model, {}, hosts=server.host, **_KEYS))
    model.create()
    model.says("Ready", "False", "SecretNotReleased")
    assert server.asked == []
    house.kube.merge(key, {"metadata": {"labels": _RELEASED}})
    model.is_accepted()


@pytest.mark.long
def test_a_secret_for_other_hosts_is_told_and_used_when_its_owner_lists_the_host(
    house: House, server: ModelServer
) -> None:
    model = in_a_bucket(house, server, "no-host")
    key = house.kube.create(secret(model, _RELEASED, hosts="other.example.com", **_KEYS))
    model.create()
    model.says("Ready", "False", "HostNotAllowed")
    assert server.asked == []
    house.kube.merge(key, {"data": {"hosts": base64.b64encode(server.host.encode()).decode()}})
    model.says("Accepted", "True", "Accepted", seconds=_SECRET_SECONDS)


def test_the_missing_key_of_a_provider_is_told_and_seen_when_it_is_there(house: House) -> None:
    external = {"provider": "openai", "model": "gpt-4o", "credential": {"secretName": "no-key"}}
    model = house.model("no-key", external=external).create()
    model.says("Ready", "False", "SecretMissing")
    house.kube.create(secret(model, _RELEASED, apiKey="a-key"))
    model.says("Ready", "True", "Serving")
    assert "openai" in model.message("Ready")


def test_a_missing_claim_is_told_and_inspected_when_it_is_there(house: House, good_report: str) -> None:
    model = on_a_claim(house, "no-claim").create()
    model.says("Ready", "False", "ClaimMissing")
    assert model.children() == []
    house.kube.create(objects.claim(house.namespace, "no-claim"))
    model.says("Ready", "False", "Sizing")
    end_job(house.kube, the_job(model), 0, good_report)
    model.is_accepted()


def test_an_unknown_profile_is_told_and_used_when_the_configuration_has_it(house: House, server: ModelServer) -> None:
    model = on_the_web(house, server, "no-profile", hardware={"profile": "new"}).create()
    model.says("Accepted", "False", "ProfileUnknown")
    assert model.children() == []
    profiles = [{"name": "cpu"}, {"name": "new"}]
    (house.folder / "operator.yaml").write_text(yaml.safe_dump({**usual_configuration(), "profiles": profiles}))
    model.is_accepted()


def test_a_source_that_does_not_answer_is_told_and_read_when_it_does(house: House, server: ModelServer) -> None:
    def cut(_: Asked) -> Reply:
        raise ConnectionResetError

    model = on_the_web(house, server, "no-answer")
    good, server.routes["/tiny.gguf"] = server.routes["/tiny.gguf"], cut
    model.create()
    model.says("Ready", "False", "SourceUnreachable")
    server.routes["/tiny.gguf"] = good
    model.is_accepted()


def test_a_file_that_is_not_there_is_told_and_read_when_it_is(house: House, server: ModelServer) -> None:
    model = on_the_web(house, server, "no-file")
    good = server.routes.pop("/tiny.gguf")
    model.create()
    model.says("Ready", "False", "SourceNotFound")
    server.routes["/tiny.gguf"] = good
    model.is_accepted()


def test_a_sha256_that_the_hub_denies_is_told_and_taken_when_it_is_corrected(house: House, server: ModelServer) -> None:
    server.add_hub("team/tiny", {"tiny.gguf": Content.of(small())})
    place = f"/team/tiny/resolve/{COMMIT}/tiny.gguf"
    server.routes[place] = with_headers(server.routes[place], X_Linked_Etag=f'"{_RIGHT}"')
    hub = {"repository": "team/tiny", "file": "tiny.gguf", "endpoint": server.base}
    model = house.model("wrong-sum", source={"huggingFace": hub, "sha256": _WRONG}).create()
    model.says("Accepted", "False", "ChecksumMismatch")
    assert _RIGHT in model.message("Ready")
    house.kube.merge(model.config, {"spec": {"source": {"sha256": _RIGHT}}})
    model.is_accepted()


def test_a_sha256_that_a_claim_denies_is_told_and_taken_when_it_is_corrected(house: House, good_report: str) -> None:
    house.kube.create(objects.claim(house.namespace, "wrong-file"))
    model = on_a_claim(house, "wrong-file", sha256=_WRONG).create()
    model.says("Ready", "False", "Sizing")
    reason, first = Reason.CHECKSUM_MISMATCH, the_job(model)
    end_job(house.kube, first, EXIT_CODES[reason], encode(reason, "tiny.gguf has another sha256"))
    model.says("Accepted", "False", "ChecksumMismatch")
    house.kube.merge(model.config, {"spec": {"source": {"sha256": _RIGHT}}})
    house.kube.wait_gone(first, 30)
    model.says("Ready", "False", "Sizing")
    end_job(house.kube, the_job(model), 0, good_report)
    model.is_accepted()
