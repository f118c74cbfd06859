"""ModelConfig: one model that can be called, hosted here or by a provider."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from plimsoll.api.access import Access
from plimsoll.api.call_limits import CallLimits
from plimsoll.api.calls import Calls
from plimsoll.api.contract import Contract
from plimsoll.api.engine import Engine
from plimsoll.api.external import External
from plimsoll.api.generation import Generation
from plimsoll.api.hardware import Hardware, Resources, Scaling
from plimsoll.api.pod import PodTemplate
from plimsoll.api.prompt import Prompt
from plimsoll.api.source import Source
from plimsoll.api.status import ModelConfigStatus

DEFAULT_CONTEXT = 4096
DEFAULT_PARALLEL = 1


class ModelConfigSpec(Contract):
    """Either source or external; everything else says how the model is run and called."""

    source: Source | None = Field(
        default=None,
        description="Where the weights come from, for a model that runs in this cluster. Either this or external.",
    )
    external: External | None = Field(
        default=None, description="The provider and its model, for a model that runs elsewhere. Either this or source."
    )
    engine: Engine | None = Field(
        default=None, description="The program that serves the weights. Default: llamacpp with its own settings."
    )
    hardware: Hardware | None = Field(
        default=None, description="What kind of node the model runs on. Default: the operator's default profile."
    )
    context: int | None = Field(
        default=None,
        description="Tokens of one request, prompt and answer together; a pod holds context x parallel. "
        f"Default: {DEFAULT_CONTEXT}. Example: 8192.",
        ge=256,
        le=10485760,
    )
    parallel: int | None = Field(
        default=None,
        description=f"Requests that one pod answers at the same time. Default: {DEFAULT_PARALLEL}. Example: 4.",
        ge=1,
        le=1024,
    )
    resources: Resources | None = Field(
        default=None,
        description="CPU, memory, disk, threads and GPU layers of each replica. Default: estimated from the model.",
    )
    scaling: Scaling = Field(default=Scaling(), description="How many replicas there are; it makes no revision.")
    generation: Generation | None = Field(
        default=None,
        description="Defaults, limits and locks for the parameters of requests. Without it requests pass unchanged.",
    )
    prompt: Prompt | None = Field(
        default=None, description="Templates that requests are put into. Without it requests pass unchanged."
    )
    access: Access | None = Field(
        default=None,
        description="Whose keys may call the model. It acts at once, whatever revision serves. Default: those of this "
        "namespace.",
    )
    limits: CallLimits | None = Field(
        default=None,
        description="How much all callers together may call. It acts at once. Without it only the limits of key and "
        "team.",
    )
    calls: Calls | None = Field(
        default=None,
        description="How long calls may take, and what becomes of those whose client has gone. It acts at once. "
        "Default: as named there.",
    )
    pin_revision: int | None = Field(
        default=None,
        description="Number of an older revision to serve. Without it the newest is served. Example: 3.",
        ge=1,
        le=2**31 - 1,
    )
    pod_template: PodTemplate | None = Field(
        default=None,
        description="Additions to the pods, for what has no field of its own. Without it the pods are as planned.",
    )


class ModelConfig(Contract):
    api_version: Literal["plimsoll.dev/v1alpha1"] = Field(description="The version of this API, always this one.")
    kind: Literal["ModelConfig"] = Field(description="The kind of this object, which is always ModelConfig.")
    metadata: Annotated[dict[str, Any], Field(default_factory=dict)] = Field(
        description="Name, namespace, labels and annotations, as of every object. The name has at most 40 characters."
    )
    spec: ModelConfigSpec = Field(description="What is wanted: the model, how it runs and how it may be called.")
    status: ModelConfigStatus | None = Field(
        default=None, description="What is true now, written by the operator alone. Without it nothing is known yet."
    )
