"""A fixed configuration and fixed facts about weights, for tests that render pods."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.configuring import parse_configuration
from plimsoll.plan.acceptance import AcceptanceRequest, accept
from plimsoll.plan.finding import Finding
from plimsoll.plan.gguf import NeedMore, parse
from plimsoll.plan.observed import SourceFacts, SourceFile
from plimsoll.plan.revision import Revision, Workload
from plimsoll.plan.sizing_model import Model, model_of
from tests.support import gguf_maker
from tests.support.model_configs import model_config

Object = dict[str, Any]

GOLDEN = Path(__file__).parents[1] / "golden"
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
COMMIT = "1f3c9d12" * 5
SMALL, LARGE = gguf_maker.MID, gguf_maker.LLAMA_7B


@cache
def fixed_configuration() -> OperatorConfiguration:
    return parse_configuration(yaml.safe_load((GOLDEN / "configuration.yaml").read_text()))


@cache
def model_of_shape(shape: gguf_maker.Shape, file_type: str = "Q4_K_M") -> Model:
    made = gguf_maker.model(shape, file_type)
    header = parse(made.data, made.file_size)
    assert not isinstance(header, NeedMore)
    return model_of(header)


@cache
def gguf_facts(shape: gguf_maker.Shape = LARGE, identity: str = f"commit:{COMMIT}") -> SourceFacts:
    size = gguf_maker.model(shape).file_size
    return SourceFacts(identity, (SourceFile("model.gguf", size),), model_of_shape(shape))


def safetensors_facts(size: int = 15_231_233_024, parts: int = 4) -> SourceFacts:
    files = [SourceFile(f"model-{part:05}-of-{parts:05}.safetensors", size // parts) for part in range(1, parts + 1)]
    return SourceFacts(f"commit:{COMMIT}", (SourceFile("config.json", 663), *files))


def existing(spec: Object, name: str = "chat", namespace: str = "default") -> Object:
    """As the API server has it."""
    config = model_config(spec, name, namespace)
    config["metadata"]["uid"] = "6c1f1a0e-0000-4000-8000-000000000001"
    return config


def outcome(
    config: Object,
    facts: SourceFacts | None = None,
    configuration: OperatorConfiguration | None = None,
    history: tuple[Revision, ...] = (),
) -> Revision | Finding:
    request = AcceptanceRequest(config, len(history) + 1, facts, history, NOW)
    return accept(request, configuration or fixed_configuration())


def accepted(
    spec: Object,
    facts: SourceFacts | None = None,
    configuration: OperatorConfiguration | None = None,
    history: tuple[Revision, ...] = (),
) -> Revision:
    found = outcome(existing(spec), facts or gguf_facts(), configuration, history)
    assert isinstance(found, Revision), found
    return found


def declared(spec: Object, facts: SourceFacts | None = None) -> Workload:
    workload = accepted(spec, facts).declared
    assert workload is not None
    return workload


def refused(spec: Object, facts: SourceFacts | None = None) -> Finding:
    found = outcome(existing(spec), facts or gguf_facts())
    assert isinstance(found, Finding), found
    return found


def engine_of(workload: Workload) -> Object:
    container: Object = workload.template["spec"]["containers"][0]
    return container


def fetch_of(workload: Workload) -> Object:
    container: Object = workload.template["spec"]["initContainers"][0]
    return container


def flags_of(workload: Workload) -> dict[str, str]:
    return dict(argument.partition("=")[::2] for argument in engine_of(workload)["args"])


def reasons_of(workload: Workload) -> str:
    assert workload.sizing is not None
    return "\n".join(workload.sizing.reasons)


def memory_of(workload: Workload) -> tuple[str, str | None]:
    """Request and limit."""
    resources = engine_of(workload)["resources"]
    return resources["requests"]["memory"], resources["limits"].get("memory")
