"""The configuration of the operator: one YAML file of the platform team, checked in the same way as the API."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from plimsoll.api.contract import Contract, ObjectName, Quantity
from plimsoll.api.engine import EngineName
from plimsoll.api.hardware import ProfileName
from plimsoll.api.pod import Key, LabelValue, SecretReference, Toleration
from plimsoll.api.teams import Team

Image = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$", max_length=500)]


def _is_network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"{error}: write the first address of the network and its length, such as 10.20.0.0/16"
        ) from None
    return text


# Shown in a command line to copy, so it has nothing that a shell would read as more than text.
GatewayUrl = Annotated[
    str, Field(pattern=r"^https?://[a-zA-Z0-9.-]+(:[0-9]{1,5})?(/[a-zA-Z0-9._~-]+)*/v1$", max_length=500)
]
Network = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$", max_length=50), AfterValidator(_is_network)]


class Gpu(Contract):
    resource: Key = Field(
        default="nvidia.com/gpu", description="Name of the extended resource that a device plugin offers on the nodes."
    )
    memory: Quantity = Field(description="Memory of one GPU, in bytes; layers of a model are dealt out by it.")


class HardwareProfile(Contract):
    """A kind of node, by the name that spec.hardware.profile uses."""

    name: ProfileName = Field(description="What users write in spec.hardware.profile. Example: l4.")
    node_selector: dict[Key, LabelValue] = Field(
        default_factory=dict, description="Labels that mark the nodes of this kind. Without it every node is one."
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(), description="Taints of these nodes that models put up with."
    )
    gpu: Gpu | None = Field(default=None, description="The GPUs of these nodes. Without it this is a CPU profile.")
    cpu: Quantity = Field(default="2", description="CPU request and limit of one replica, in cores. Default: 2.")
    memory_limit: Quantity | None = Field(
        default=None,
        description="The most memory in bytes that one replica may be given on these nodes; a model that needs more "
        "is refused. Without it the scheduler decides.",
    )
    architecture: Literal["amd64", "arm64"] = Field(
        default="amd64", description="Kind of CPU of these nodes; sizing and the node selector depend on it."
    )
    runtime_class_name: ObjectName | None = Field(
        default=None,
        description="RuntimeClass of pods on these nodes. Without it the cluster's default. Example: nvidia.",
    )


class Images(Contract):
    plimsoll: Image = Field(description="Image of Plimsoll itself; it fetches and inspects weights beside the engines.")
    llamacpp: Image | None = Field(
        default=None, description="Image of the llamacpp engine. Without it spec.engine.image has to name one."
    )
    vllm: Image | None = Field(
        default=None, description="Image of the vllm engine. Without it spec.engine.image has to name one."
    )
    pull_secrets: tuple[SecretReference, ...] = Field(
        default=(), description="Secrets for pulling these images, in the namespace of each model. Without it none."
    )

    def of_engine(self, engine: EngineName) -> str | None:
        return self.llamacpp if engine == "llamacpp" else self.vllm


class Sources(Contract):
    private_networks: tuple[Network, ...] = Field(
        default=(),
        description="Private networks in CIDR form in which the operator may read model headers. Without it it reads "
        "from public addresses only. Example: 10.20.0.0/16.",
        max_length=64,
    )


class WeightsCache(Contract):
    claim: ObjectName = Field(
        description="Name of a persistent volume claim that every namespace with models has, for all nodes that "
        "models run on. Example: weights."
    )


class Weights(Contract):
    cache: WeightsCache | None = Field(
        default=None,
        description="Where weights are kept between pods. Without it each pod fetches its own.",
    )


class Gateway(Contract):
    url: GatewayUrl | None = Field(
        default=None,
        description="Base URL that callers reach the gateway at, as the status of each model shows it; it ends in /v1. "
        "Default: http://plimsoll-gateway.NAMESPACE.svc/v1, its Service. Example: https://models.example.com/v1.",
    )


class OperatorConfiguration(Contract):
    namespace: ObjectName = Field(
        default="plimsoll-system",
        description="Namespace that Plimsoll itself runs in; the network policy of a model lets in its pods alone. "
        "Default: plimsoll-system.",
    )
    images: Images = Field(description="Which images pods are made of.")
    profiles: tuple[HardwareProfile, ...] = Field(
        default=(HardwareProfile(name="cpu"),),
        description="The kinds of nodes that models can ask for. Default: one profile `cpu` for every node.",
        min_length=1,
        max_length=100,
    )
    default_profile: ProfileName = Field(
        default="cpu", description="Profile of a ModelConfig that names none. Default: cpu."
    )
    sources: Sources = Field(default=Sources(), description="From where the operator may read model headers.")
    weights: Weights = Field(default=Weights(), description="How weights that are fetched are kept.")
    proof: Literal["prompt", "ready"] = Field(
        default="prompt",
        description="What a new workload has to show before it takes calls: prompt asks it for one token, ready "
        "trusts the readiness of its pods.",
    )
    history: int = Field(
        default=20, description="How many revisions of each model are kept; those in use always are.", ge=2, le=1000
    )
    gateway: Gateway = Field(default=Gateway(), description="How the gateway is reached.")
    teams: tuple[Team, ...] = Field(
        default=(),
        description="Who is charged for calls, and which namespaces may charge them. A namespace that no team lists is "
        "a team of its own.",
        max_length=1000,
    )
    direct_calls: Literal["Nobody", "Namespace"] = Field(
        default="Nobody",
        description="Who may call an engine past the gateway: nobody, or every pod of the model's namespace.",
    )

    @model_validator(mode="after")
    def _names_are_clear(self) -> Self:
        known = [profile.name for profile in self.profiles]
        for place, given in (("profiles", known), ("teams", [team.name for team in self.teams])):
            if doubled := {name for name, count in Counter(given).items() if count > 1}:
                raise ValueError(f"{place} has {', '.join(sorted(doubled))} twice: rename one of them")
        if self.default_profile not in known:
            raise ValueError(f"defaultProfile is {self.default_profile}: use one of {', '.join(known)}")
        return self

    def profile(self, name: str | None) -> HardwareProfile | None:
        """The one of this name, or the default when no name is given; None when there is none."""
        wanted = name or self.default_profile
        return next((profile for profile in self.profiles if profile.name == wanted), None)
