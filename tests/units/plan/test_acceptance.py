"""What a spec becomes: one revision that keeps everything it depends on, or a finding that says what to change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plimsoll.api.configuration import HardwareProfile, Images, OperatorConfiguration
from plimsoll.api.normal import behaviour_hash, workload_hash
from plimsoll.api.reasons import Reason
from plimsoll.plan.author import author_of, git_revision_of
from plimsoll.plan.defaults import defaults_changed
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import SourceFacts, SourceFile
from plimsoll.plan.revision import Revision
from tests.support.model_configs import base, merged, with_value
from tests.support.rendering import (
    NOW,
    SMALL,
    accepted,
    engine_of,
    existing,
    fetch_of,
    fixed_configuration,
    gguf_facts,
    model_of_shape,
    outcome,
    safetensors_facts,
)

Object = dict[str, Any]

GPU: Object = {"hardware": {"profile": "l4", "fallback": {"to": "cpu"}}}
LATER = SourceFacts("commit:" + "e" * 40, (SourceFile("model.gguf", 400 << 20),), model_of_shape(SMALL))


def hub(**change: Any) -> Object:
    spec: Object = merged(base("hub"), change)
    return spec


def with_images(**images: str | None) -> OperatorConfiguration:
    known = fixed_configuration()
    return known.model_copy(update={"images": known.images.model_copy(update=images)})


def with_profile(profile: HardwareProfile) -> OperatorConfiguration:
    known = fixed_configuration()
    others = tuple(each for each in known.profiles if each.name != profile.name)
    return known.model_copy(update={"profiles": (*others, profile)})


def finding(spec: Object, configuration: OperatorConfiguration | None = None) -> Finding:
    found = outcome(existing(spec), gguf_facts(SMALL), configuration)
    assert isinstance(found, Finding)
    return found


# --- what a revision holds


def test_a_revision_holds_the_spec_as_the_api_server_completes_it_and_both_hashes() -> None:
    revision = accepted(hub(), gguf_facts(SMALL))
    assert revision.spec["source"]["huggingFace"]["revision"] == "main"
    assert "scaling" not in revision.spec
    assert revision.behaviour == behaviour_hash(hub())
    assert revision.declared is not None
    assert revision.declared.hash == workload_hash(hub())
    assert (revision.number, revision.accepted_at, revision.fallback) == (1, NOW, None)


def test_the_spec_of_the_object_is_left_as_it_was() -> None:
    config = existing(hub())
    outcome(config, gguf_facts(SMALL))
    assert config["spec"] == hub()


def test_a_fallback_is_another_workload_of_the_same_revision() -> None:
    revision = accepted(hub(**GPU), gguf_facts(SMALL))
    declared, fallback = revision.declared, revision.fallback
    assert declared is not None
    assert fallback is not None
    assert (declared.on_gpu, fallback.on_gpu) == (True, False)
    assert (declared.profile, fallback.profile) == ("l4", "cpu")
    assert fallback.hash == workload_hash(hub(**GPU), "cpu") != declared.hash
    assert "nvidia.com/gpu" in engine_of(declared)["resources"]["limits"]
    assert "nvidia.com/gpu" not in engine_of(fallback)["resources"]["limits"]


def test_a_model_of_a_provider_has_a_revision_and_no_pods() -> None:
    revision = outcome(existing(base("external")))
    assert isinstance(revision, Revision)
    assert (revision.declared, revision.fallback, revision.resolved) == (None, None, {})


def test_a_revision_keeps_what_came_from_elsewhere() -> None:
    resolved = accepted(hub(), gguf_facts(SMALL)).resolved["declared"]
    assert resolved["weights"]["identity"] == gguf_facts().identity
    assert resolved["weights"]["size"] == gguf_facts(SMALL).size
    assert resolved["defaults"]["engineImage"] == fixed_configuration().images.llamacpp
    assert resolved["defaults"]["fetchImage"] == fixed_configuration().images.plimsoll
    assert resolved["defaults"]["profile"]["memoryLimit"] == "24Gi"


def test_an_image_of_the_spec_goes_before_that_of_the_configuration() -> None:
    revision = accepted(hub(engine={"image": "example.com/mine:1"}), gguf_facts(SMALL))
    assert revision.declared is not None
    assert revision.declared.image == engine_of(revision.declared)["image"] == "example.com/mine:1"
    assert "engineImage" not in revision.resolved["declared"]["defaults"]


# --- what is taken over from the history


def test_the_same_hash_takes_over_the_pods_as_they_were_although_everything_has_moved() -> None:
    first = accepted(hub(), gguf_facts(SMALL))
    second = accepted(
        hub(prompt={"active": "a", "roles": [{"name": "a", "system": "Be kind."}]}),
        LATER,
        with_images(llamacpp="example.com/newer:2"),
        (first,),
    )
    assert second.behaviour != first.behaviour
    assert second.declared == first.declared
    assert second.resolved == first.resolved


def test_an_older_workload_needs_no_facts() -> None:
    first = accepted(hub(), gguf_facts(SMALL))
    between = accepted(hub(context=8192), gguf_facts(SMALL), history=(first,))
    back = outcome(existing(hub()), None, None, (first, between))
    assert isinstance(back, Revision)
    assert back.declared == first.declared
    assert back.number == 3


def test_of_two_revisions_with_the_same_workload_the_newer_one_is_taken_over() -> None:
    old = accepted(hub(), gguf_facts(SMALL))
    assert old.declared is not None
    newer = replace(old, number=2, declared=replace(old.declared, image="example.com/newer:2"))
    made = accepted(hub(), history=(newer, old))
    assert made.declared == newer.declared


def test_what_was_a_fallback_becomes_the_declared_workload_without_new_pods() -> None:
    first = accepted(hub(**GPU), gguf_facts(SMALL))
    second = accepted(hub(hardware={"profile": "cpu"}), LATER, history=(first,))
    assert second.declared == first.fallback
    assert second.resolved["declared"] == first.resolved["fallback"]


def test_a_fallback_that_is_added_later_runs_the_image_and_the_weights_of_the_declared_pods() -> None:
    first = accepted(hub(hardware={"profile": "l4"}), gguf_facts(SMALL))
    second = accepted(hub(**GPU), LATER, with_images(llamacpp="example.com/newer:2"), (first,))
    assert first.declared == second.declared
    assert first.declared is not None
    assert second.fallback is not None
    assert second.fallback.image == first.declared.image
    assert f"--identity={gguf_facts().identity}" in fetch_of(second.fallback)["args"]


# --- what is refused


def test_an_unknown_profile_is_refused_with_those_that_there_are() -> None:
    found = finding(hub(hardware={"profile": "h100"}))
    assert found.reason is Reason.PROFILE_UNKNOWN
    assert found.message == "there is no profile h100; there are cpu, l4, cuda, a100"


def test_an_unknown_fallback_is_refused_and_called_one() -> None:
    found = finding(hub(hardware={"profile": "l4", "fallback": {"to": "arm"}}))
    assert found.reason is Reason.PROFILE_UNKNOWN
    assert found.message.startswith("on the fallback arm: there is no profile arm")


UNSUITABLE = [
    ({"profile": "l4", "fallback": {"to": "a100"}}, "a100 has GPUs, and a fallback has to do without"),
    ({"profile": "cpu", "fallback": {"to": "l4"}}, "the profile cpu has no GPU that a fallback could stand in for"),
    ({"profile": "cpu", "count": 2}, "hardware.count is 2, and the profile cpu has no GPU to count"),
]


@pytest.mark.parametrize(("hardware", "message"), UNSUITABLE)
def test_a_profile_that_cannot_do_what_is_asked_is_refused(hardware: Object, message: str) -> None:
    found = finding(hub(hardware=hardware))
    assert found.reason is Reason.PROFILE_UNSUITABLE
    assert message in found.message


def test_an_engine_without_any_image_is_refused() -> None:
    found = finding(hub(), with_images(llamacpp=None))
    assert found.reason is Reason.IMAGE_UNKNOWN
    assert "llamacpp" in found.message


def test_what_does_not_fit_the_fallback_is_refused_and_says_where() -> None:
    small = HardwareProfile(name="cpu", memory_limit="256Mi")
    found = finding(hub(**GPU), with_profile(small))
    assert found.reason is Reason.DOES_NOT_FIT
    assert found.message.startswith("on the fallback cpu: weights")


def test_a_spec_that_no_schema_allows_is_a_finding_with_its_field_and_never_an_exception() -> None:
    found = finding(with_value(hub(), "resources.limits.memory", "lots"))
    assert found.reason is Reason.INVALID_SPEC
    assert found.message.startswith("spec.resources.limits.memory: ")


# --- what newer defaults would change


def test_as_long_as_the_configuration_stays_nothing_is_said() -> None:
    revision = accepted(hub(**GPU), gguf_facts(SMALL))
    assert defaults_changed(revision, hub(**GPU), fixed_configuration()) is None
    assert defaults_changed(accepted(base("external")), base("external"), fixed_configuration()) is None


def test_a_newer_image_is_told_with_the_one_before_it() -> None:
    revision = accepted(hub(), gguf_facts(SMALL))
    told = defaults_changed(revision, hub(), with_images(llamacpp="example.com/newer:2"))
    assert told == "engineImage: registry.example.com/plimsoll-llamacpp:0.1.0 -> example.com/newer:2"


def test_an_image_that_the_spec_names_itself_has_no_default() -> None:
    spec = hub(engine={"image": "example.com/mine:1"})
    revision = accepted(spec, gguf_facts(SMALL))
    assert defaults_changed(revision, spec, with_images(llamacpp="example.com/newer:2")) is None


def test_a_changed_profile_is_told_field_by_field() -> None:
    revision = accepted(hub(), gguf_facts(SMALL))
    told = defaults_changed(revision, hub(), with_profile(HardwareProfile(name="cpu", cpu=8, memory_limit="24Gi")))
    assert told == "profile cpu.cpu: 4 -> 8"


def test_another_default_profile_is_told_by_its_name() -> None:
    revision = accepted(hub(), gguf_facts(SMALL))
    told = defaults_changed(revision, hub(), fixed_configuration().model_copy(update={"default_profile": "l4"}))
    assert told is not None
    assert "profile cpu.name: cpu -> l4" in told


def test_what_is_told_of_defaults_fits_into_a_condition() -> None:
    revision = accepted(hub(), gguf_facts(SMALL))
    labels = {f"label-{number}": "x" * 60 for number in range(200)}
    told = defaults_changed(revision, hub(), with_profile(HardwareProfile(name="cpu", node_selector=labels)))
    assert told is not None
    assert len(told) <= 1000


def test_what_both_workloads_would_take_is_told_once() -> None:
    revision = accepted(hub(**GPU), gguf_facts(SMALL))
    told = defaults_changed(revision, hub(**GPU), with_images(plimsoll="example.com/plimsoll:2"))
    assert told is not None
    assert told.count("fetchImage") == 1


def test_a_profile_that_is_gone_is_told() -> None:
    revision = accepted(hub(hardware={"profile": "l4"}), gguf_facts(SMALL))
    only_cpu = OperatorConfiguration(images=Images(plimsoll="p:1", llamacpp="l:1"))
    assert defaults_changed(revision, hub(hardware={"profile": "l4"}), only_cpu) == "the profile l4 is gone"


def test_a_stored_revision_that_does_not_say_what_it_was_made_with_is_no_trouble() -> None:
    bare = replace(accepted(hub(), gguf_facts(SMALL)), resolved={})
    assert defaults_changed(bare, hub(), fixed_configuration()) is None
    assert accepted(hub(), history=(bare,)).declared == bare.declared


def test_vllm_on_a_claim_is_accepted_without_facts_from_a_header() -> None:
    spec = {**base("vllm"), "source": {"pvc": {"claimName": "weights", "path": "llama"}}}
    spec["hardware"] = {"profile": "a100"}
    facts = SourceFacts("path:llama", (SourceFile("llama"),))
    assert accepted(spec, facts).resolved["declared"]["weights"] == {"identity": "path:llama", "files": 1}
    assert accepted({**base("vllm"), "hardware": {"profile": "a100"}}, safetensors_facts()).declared is not None


# --- who wrote it


def written_by(*entries: Object, **annotations: str) -> Object:
    return {"metadata": {"managedFields": list(entries), "annotations": annotations}}


def entry(manager: str, time: str, field: str = "f:spec", subresource: str = "") -> Object:
    return {"manager": manager, "time": time, "fieldsV1": {field: {}}, "subresource": subresource}


def test_the_author_is_the_manager_that_wrote_the_spec_last() -> None:
    wrote = [entry("argocd", "2026-11-21T09:00:02Z"), entry("kubectl", "2026-11-21T09:00:01Z")]
    assert author_of(written_by(*wrote)) == "argocd"


def test_who_wrote_only_status_labels_or_the_scale_is_no_author() -> None:
    wrote = [
        entry("kubectl", "2026-11-21T09:00:00Z"),
        entry("plimsoll-operator", "2026-11-21T09:00:03Z", "f:status", "status"),
        entry("somebody", "2026-11-21T09:00:04Z", "f:metadata"),
        entry("autoscaler", "2026-11-21T09:00:05Z", "f:spec", "scale"),
    ]
    assert author_of(written_by(*wrote)) == "kubectl"


def test_the_annotation_goes_before_the_manager_and_absent_is_absent() -> None:
    said = {"plimsoll.dev/author": " jane@example.com ", "plimsoll.dev/git-revision": "3f2c9d1"}
    config = written_by(entry("kubectl", "2026-11-21T09:00:00Z"), **said)
    assert (author_of(config), git_revision_of(config)) == ("jane@example.com", "3f2c9d1")
    assert (author_of({"metadata": {}}), git_revision_of(written_by())) == (None, None)


def test_a_text_of_any_length_fits_into_a_status() -> None:
    config = written_by(**{"plimsoll.dev/author": "x" * 5000})
    assert len(author_of(config) or "") == 1024
