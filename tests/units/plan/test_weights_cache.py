"""The cache: one folder for a source in the claim of the namespace, and a list of what must not be taken from it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from plimsoll.api.configuration import OperatorConfiguration, Weights, WeightsCache
from plimsoll.plan.acceptance import AcceptanceRequest, accept
from plimsoll.plan.defaults import defaults_changed
from plimsoll.plan.observed import SourceFacts
from plimsoll.plan.revision import Revision
from plimsoll.plan.weights_cache import folder_used_by, key_of
from tests.support.model_configs import base, merged
from tests.support.rendering import (
    COMMIT,
    NOW,
    SMALL,
    accepted,
    engine_of,
    existing,
    fetch_of,
    fixed_configuration,
    gguf_facts,
    safetensors_facts,
)

Object = dict[str, Any]

CACHED = fixed_configuration().model_copy(update={"weights": Weights(cache=WeightsCache(claim="kept"))})
GIT_HUB = f'{{"huggingFace":{{"endpoint":"https://huggingface.co","file":"tiny-q8_0.gguf","repository":"team/tiny","revision":"{COMMIT}"}}}}'


def revision(
    spec: Object | None = None,
    facts: SourceFacts | None = None,
    kept: tuple[str, ...] = (),
    configuration: OperatorConfiguration = CACHED,
) -> Revision:
    request = AcceptanceRequest(existing(spec or base("hub")), 1, facts or gguf_facts(SMALL), (), NOW, kept)
    found = accept(request, configuration)
    assert isinstance(found, Revision), found
    return found


def pod(of: Revision) -> Object:
    assert of.declared is not None
    spec: Object = of.declared.template["spec"]
    return spec


def volume(of: Revision) -> Object:
    return next(each for each in pod(of)["volumes"] if each["name"] == "plimsoll-models")


def home(of: Revision) -> str:
    (told,) = (each for each in pod(of)["initContainers"][0]["args"] if each.startswith("--to="))
    return str(told.removeprefix("--to="))


def test_the_folder_follows_from_what_fetch_is_told() -> None:
    wanted = hashlib.sha256(f"{GIT_HUB}\0commit:{COMMIT}".encode()).hexdigest()[:32]
    assert home(revision()) == f"/models/{wanted}"


def test_a_dollar_in_an_address_is_hashed_as_fetch_sees_it() -> None:
    plain = {"source": {"http": {"url": "https://a.example.com/$(HOME)/a.gguf"}}}
    told = '{"http":{"url":"https://a.example.com/$(HOME)/a.gguf"}}'
    found = revision(plain, SourceFacts("etag:1", gguf_facts(SMALL).files, gguf_facts(SMALL).model))
    assert home(found) == f"/models/{key_of(told, 'etag:1')}"


def test_the_claim_is_written_by_fetch_and_only_read_by_the_engine() -> None:
    found = revision()
    assert volume(found) == {"name": "plimsoll-models", "persistentVolumeClaim": {"claimName": "kept"}}
    fetch, engine = pod(found)["initContainers"][0], pod(found)["containers"][0]
    assert {"name": "plimsoll-models", "mountPath": "/models"} in fetch["volumeMounts"]
    assert {"name": "plimsoll-models", "mountPath": "/models", "readOnly": True} in engine["volumeMounts"]
    assert "ephemeral-storage" not in engine["resources"]["requests"]
    assert f"--model={home(found)}/tiny-q8_0.gguf" in engine["args"]


def test_vllm_reads_the_folder_itself() -> None:
    found = revision(merged(base("vllm"), {"hardware": {"profile": "a100"}}), safetensors_facts())
    assert pod(found)["containers"][0]["args"][0] == home(found)


def test_two_models_with_the_same_source_share_it_and_another_identity_has_its_own() -> None:
    other = merged(base("hub"), {"context": 8192})
    assert home(revision()) == home(revision(other))
    assert home(revision()) != home(revision(facts=gguf_facts(SMALL, f"commit:{'b' * 40}")))


def test_fetch_is_told_what_was_in_use_and_when() -> None:
    assert pod(revision(kept=("a" * 32, "b" * 32)))["initContainers"][0]["args"][-4:] == [
        "--cache=/models",
        f"--keep={'a' * 32}",
        f"--keep={'b' * 32}",
        "--kept-at=2026-11-21T09:00:00Z",
    ]


@pytest.mark.parametrize("name", ["claim", "packed"])
def test_weights_that_nobody_fetches_are_not_kept(name: str) -> None:
    assert pod(revision(base(name))) == pod(revision(base(name), configuration=fixed_configuration()))


def test_without_a_cache_weights_go_with_their_pod() -> None:
    workload = accepted(base("hub"), gguf_facts(SMALL)).declared
    assert workload is not None
    assert fetch_of(workload)["args"][-1] == "--to=/models"
    assert "--model=/models/tiny-q8_0.gguf" in engine_of(workload)["args"]


def test_a_folder_is_found_where_it_is_used() -> None:
    found = revision()
    assert found.declared is not None
    used = home(found).removeprefix("/models/")
    assert folder_used_by({"spec": {"template": found.declared.template}}) == used
    assert folder_used_by({"spec": pod(found)}) == used
    assert folder_used_by({"spec": {"type": "ClusterIP"}}) is None


def test_a_cache_that_comes_later_is_told_and_changes_nothing_that_runs() -> None:
    before = accepted(base("hub"), gguf_facts(SMALL))
    assert defaults_changed(before, before.spec, CACHED) == "weightsCache: none -> kept"
    assert defaults_changed(revision(), before.spec, CACHED) is None
    assert defaults_changed(accepted(base("claim")), base("claim"), CACHED) is None


def test_fetch_reaches_the_private_networks_that_the_operator_reaches() -> None:
    sources = fixed_configuration().sources.model_copy(update={"private_networks": ("10.1.0.0/16", "fd00::/8")})
    opened = fixed_configuration().model_copy(update={"sources": sources})
    arguments = pod(revision(configuration=opened))["initContainers"][0]["args"]
    assert [each for each in arguments if "network" in each] == [
        "--private-network=10.1.0.0/16",
        "--private-network=fd00::/8",
    ]
