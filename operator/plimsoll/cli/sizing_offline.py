"""Sizing as the operator does it, without an operator: from a file, and from the header that its source tells."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.api.configuration import Images, OperatorConfiguration
from plimsoll.api.reasons import Reason
from plimsoll.cli.documents import ENDINGS, STANDARD_INPUT, Document, read_documents
from plimsoll.cli.exits import ClusterTrouble, Unusable
from plimsoll.plan.observed import SourceFacts, SourceFile

if TYPE_CHECKING:
    from plimsoll.cli.answers import SizeAnswer
    from plimsoll.cli.sizing import Assumed

Object = dict[str, Any]
# Whoever types an address may be sent to his own network. Loopback and metadata addresses stay closed.
_OWN_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
_NO_IMAGE = "none:0"
_WITH_CONFIG = "--config names the operator's configuration, which has them."
# What is only looked at may come in the clear.
_NOT_ABOUT_SIZES = "plain-http-needs-sha256"


def document_of(subject: str, assumed: Assumed) -> Document | None:
    """A ModelConfig to size; None for what can only be the name of an object in the cluster."""
    if _is_address(subject):
        return prepared(_made(subject, {"http": {"url": subject}}), assumed)
    if subject != STANDARD_INPUT and not subject.endswith((*ENDINGS, ".gguf")) and not Path(subject).exists():
        return None
    if subject.endswith(".gguf"):
        return prepared(_made(subject, {"pvc": {"claimName": "here", "path": Path(subject).name}}), assumed)
    found = [each for each in read_documents(subject) if each.is_model_config]
    if len(found) != 1:
        raise Unusable(f"{subject} has {len(found)} ModelConfigs", fix="name a file that has exactly one")
    return prepared(found[0], assumed)


def sizes_of(document: Document, subject: str, assumed: Assumed) -> SizeAnswer:
    from plimsoll.cli.sizing import hosted_elsewhere, not_fitting
    from plimsoll.weights.trouble import SourceTrouble

    source = document.object["spec"].get("source")
    if source is None:
        raise hosted_elsewhere(subject)
    own = Path(subject) if subject.endswith(".gguf") and not _is_address(subject) else None
    header = assumed.header or own
    configuration = configuration_of(assumed.config)
    try:
        facts = _local(header) if header else _remote(source, configuration)
    except SourceTrouble as trouble:
        fix = trouble.fix if header else f"{trouble.fix.rstrip('.')}, or give {_instead(trouble.reason, assumed)}."
        if not trouble.reason.needs_change:
            raise ClusterTrouble(trouble.message, fix=fix) from None
        return not_fitting(subject, trouble.reason, trouble.message, fix)
    return _accepted(document, facts, configuration, subject)


def _instead(reason: Reason, assumed: Assumed) -> str:
    """What helps here, where the operator itself may well reach the source."""
    unknown = reason is Reason.ADDRESS_REFUSED and assumed.config is None
    return f"{'the operator configuration with --config, or ' if unknown else ''}the file with --header"


def configuration_of(file: Path | None) -> OperatorConfiguration:
    from plimsoll.api.configuring import parse_configuration

    if file is None:
        # Sizes depend on the profile, not on images; without any, nothing would be accepted.
        return OperatorConfiguration(images=Images(plimsoll=_NO_IMAGE, llamacpp=_NO_IMAGE, vllm=_NO_IMAGE))
    documents = read_documents(str(file))
    if len(documents) != 1:
        raise Unusable(f"{file} has {len(documents)} documents", fix="name the file of the operator's configuration")
    return parse_configuration(documents[0].object)


def _is_address(subject: str) -> bool:
    return subject.startswith(("http://", "https://"))


def _made(subject: str, source: Object) -> Document:
    """A ModelConfig that says no more than where the weights are."""
    return Document(subject, {"metadata": {"name": "model", "namespace": "default"}, "spec": {"source": source}})


def prepared(document: Document, assumed: Assumed) -> Document:
    """The ModelConfig with what the command line says instead; refused when that is against the rules."""
    from plimsoll.api import names
    from plimsoll.api.validate import validate

    whole: Object = {"apiVersion": names.API_VERSION, "kind": names.KIND, **copy.deepcopy(document.object)}
    spec = whole.get("spec")
    if isinstance(spec, dict):
        spec |= {key: value for key, value in _given(assumed).items() if value is not None}
        if assumed.memory:
            limits = ((spec.get("resources") or {}).get("limits") or {}) | {"memory": assumed.memory}
            spec["resources"] = {**(spec.get("resources") or {}), "limits": limits}
    if problems := [each for each in validate(whole) if each.rule != _NOT_ABOUT_SIZES]:
        raise Unusable(
            f"{document.place} is no valid ModelConfig: {problems[0].field}: {problems[0].message}",
            fix="correct it; `plimsoll check` shows every problem of a file",
        )
    whole["metadata"] = {"namespace": "default", **whole["metadata"]}
    return Document(document.place, whole)


def _given(assumed: Assumed) -> dict[str, int | None]:
    return {"context": assumed.tokens, "parallel": assumed.parallel}


def _local(header: Path) -> SourceFacts:
    from plimsoll.weights.inspecting import inspect

    if not header.is_file():
        raise Unusable(f"there is no file {header}", fix="correct the path")
    model = inspect(header)
    return SourceFacts(f"path:{header.name}", (SourceFile(header.name, model.weights.size),), model)


def _remote(source: Object, configuration: OperatorConfiguration) -> SourceFacts:
    import asyncio

    from plimsoll.weights.reading import SourceReader, SourceRequest

    if "pvc" in source or "oci" in source:
        raise Unusable(
            "the weights lie on a volume that only pods see",
            fix="give the file, or a copy of it, with --header",
        )
    networks = (*configuration.sources.private_networks, *_OWN_NETWORKS)

    async def read() -> SourceFacts:
        return await SourceReader().read_source(SourceRequest(source, private_networks=networks))

    return asyncio.run(read())


def _accepted(document: Document, facts: SourceFacts, configuration: OperatorConfiguration, subject: str) -> SizeAnswer:
    """As the operator would accept it as a first revision."""
    from plimsoll.cli.sizing import fitting, not_fitting
    from plimsoll.plan.acceptance import AcceptanceRequest, accept
    from plimsoll.plan.finding import Finding

    found = accept(AcceptanceRequest(document.object, 1, facts, (), datetime.now(UTC)), configuration)
    if isinstance(found, Finding):
        # Without the configuration every profile but `cpu` is unknown here.
        fix = found.reason.fix if found.reason is not Reason.PROFILE_UNKNOWN else f"{found.reason.fix} {_WITH_CONFIG}"
        return not_fitting(subject, found.reason, found.message, fix)
    assert found.declared is not None
    workloads = [each for each in (found.declared, found.fallback) if each and each.sizing]
    answers = [fitting(subject, each.sizing, each.profile) for each in workloads if each.sizing]
    return answers[0].model_copy(update={"fallback": answers[1] if len(answers) > 1 else None})
