"""What verbs print with -o json and -o yaml. The published schemas are made from these models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from plimsoll.api.contract import Contract

if TYPE_CHECKING:
    from plimsoll.cost.record import Tokens


class Answer(Contract):
    def data(self) -> dict[str, Any]:
        """As it is printed: what is not known is left out."""
        found: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return found


class ProblemAnswer(Answer):
    field: str = Field(description="Path of the field, such as spec.context; empty for the whole object.")
    rule: str = Field(description="Name of the rule that it breaks; `schema` when a field or its type is wrong.")
    message: str = Field(description="What is wrong, then what to do.")


class PartAnswer(Answer):
    name: str = Field(description="What the memory is for. Example: kvCache.")
    bytes: int = Field(description="How much memory that is, in bytes.")
    why: str = Field(description="The numbers behind it, in words.")


class TroubleAnswer(Answer):
    reason: str = Field(description="One of the reasons of the reference, in one word.")
    message: str = Field(description="What was seen.")
    fix: str = Field(description="What to do about it.")


class SizeAnswer(Answer):
    subject: str = Field(description="What was sized: a file, an address, or namespace/name.")
    fits: bool = Field(description="Whether it can run as it is; `trouble` says why not.")
    hardware: str | None = Field(default=None, description="The hardware profile that it was sized for.")
    parts: tuple[PartAnswer, ...] = Field(default=(), description="The memory of one replica by purpose.")
    total_bytes: int | None = Field(default=None, description="The memory of one replica, in bytes.")
    memory_request: str | None = Field(default=None, description="The memory request of the pods, as a quantity.")
    memory_limit: str | None = Field(default=None, description="The memory limit of the pods, as a quantity.")
    threads: int | None = Field(default=None, description="Threads of the engine.")
    gpu_layers: int | None = Field(default=None, description="Layers of the model that are computed on a GPU.")
    reasons: tuple[str, ...] = Field(default=(), description="Why the sizes are as they are, one sentence each.")
    trouble: TroubleAnswer | None = Field(default=None, description="Why it cannot run as it is.")
    fallback: SizeAnswer | None = Field(default=None, description="What it takes on its fallback profile.")


class VerdictAnswer(Answer):
    place: str = Field(description="The file, and the number of the document where it has several.")
    name: str = Field(description="metadata.name, empty when there is none.")
    accepted: bool = Field(description="Whether the API server would take it.")
    problems: tuple[ProblemAnswer, ...] = Field(description="Why it would not.")
    size: SizeAnswer | None = Field(default=None, description="What it takes, with --size.")
    unsized: str | None = Field(default=None, description="Why --size could not be answered.")


class CheckAnswer(Answer):
    accepted: bool = Field(description="Whether every object would be taken, and fits where that was asked.")
    documents: tuple[VerdictAnswer, ...] = Field(description="Each ModelConfig and ModelKey that was found.")
    skipped: tuple[str, ...] = Field(description="Objects of other kinds, which were not looked at.")


class ChangeAnswer(Answer):
    path: str = Field(description="Path of the field below spec. Entries of lists are named by their key.")
    before: Any = Field(default=None, description="The value in the first; the key is missing when it is absent there.")
    after: Any = Field(default=None, description="The value in the second; the key is missing when it is absent there.")


class DiffAnswer(Answer):
    before: str = Field(description="What the first one is.")
    after: str = Field(description="What the second one is.")
    changes: tuple[ChangeAnswer, ...] = Field(description="Every field that differs in meaning.")
    same: tuple[str, ...] = Field(description="Paths of the fields that both have with the same meaning.")


class ModelAnswer(Answer):
    namespace: str = Field(description="Namespace of the ModelConfig.")
    name: str = Field(description="Name of the ModelConfig.")
    ready: str | None = Field(default=None, description="Status of the condition Ready: True, False or Unknown.")
    reason: str | None = Field(default=None, description="Reason of the condition Ready, in one word.")
    message: str | None = Field(default=None, description="Message of the condition Ready, in a sentence.")
    model: str | None = Field(default=None, description="The model in one line.")
    engine: str | None = Field(default=None, description="The engine that serves, or the provider.")
    hardware: str | None = Field(default=None, description="The hardware profile that serves.")
    replicas: int | None = Field(default=None, description="How many pods of the model exist.")
    revision: int | None = Field(default=None, description="Number of the revision that serves.")
    url: str | None = Field(default=None, description="Base URL of the gateway, where the model is called.")
    created_at: str | None = Field(default=None, description="When the ModelConfig was created.")


class ListAnswer(Answer):
    items: tuple[ModelAnswer, ...] = Field(description="One entry for each ModelConfig, by namespace and name.")


class RevisionAnswer(Answer):
    number: int = Field(description="Number of the revision.")
    serving: bool = Field(description="Whether it serves now.")
    pinned: bool = Field(description="Whether spec.pinRevision names it.")
    accepted_at: str = Field(description="When the spec was accepted as this revision, in UTC.")
    author: str | None = Field(default=None, description="Who wrote the spec, where that is known.")
    git_revision: str | None = Field(default=None, description="Commit that the spec came from, where that is known.")
    behaviour: str = Field(description="Hash of all that can change an answer, its speed class or its price.")
    workload: str | None = Field(default=None, description="Hash of all that changes pods.")
    image: str | None = Field(default=None, description="Image of the engine, as it was resolved.")
    changed: tuple[str, ...] = Field(description="Paths of the fields that differ from the revision before it.")


class HistoryAnswer(Answer):
    namespace: str = Field(description="Namespace of the ModelConfig.")
    name: str = Field(description="Name of the ModelConfig.")
    revisions: tuple[RevisionAnswer, ...] = Field(description="Those that are kept, the newest first.")


class ConditionAnswer(Answer):
    type: str = Field(description="What the statement is about. Example: Ready.")
    status: str = Field(description="True, False or Unknown.")
    reason: str = Field(description="Why, in one word of the reference.")
    message: str = Field(description="Why, in a sentence, with what to do about it.")


class PodAnswer(Answer):
    name: str = Field(description="Name of the pod.")
    ready: bool = Field(description="Whether it can take calls.")
    reason: str = Field(description="How far it is, or what keeps it, in one word of the reference.")
    message: str = Field(description="The same in a sentence.")
    restarts: int = Field(description="How often its containers were started again.")
    node: str | None = Field(default=None, description="The node that it runs on.")


class WorkloadAnswer(Answer):
    name: str = Field(description="Name of its Deployment.")
    hardware: str | None = Field(default=None, description="The hardware profile that it runs on.")
    fallback: bool = Field(description="Whether it runs on the fallback of its revision.")
    serving: bool = Field(description="Whether it takes the calls.")
    replicas: int = Field(description="How many pods it is to have.")
    ready_replicas: int = Field(description="How many of its pods can take calls.")
    trouble: TroubleAnswer | None = Field(default=None, description="What keeps it from having more.")
    pods: tuple[PodAnswer, ...] = Field(description="Its pods, by name.")


class RevisionStateAnswer(Answer):
    number: int | None = Field(default=None, description="Its number; absent when the history has lost it.")
    serving: bool = Field(description="Whether it serves now.")
    newest: bool = Field(description="Whether it is what the spec says now.")
    pinned: bool = Field(description="Whether spec.pinRevision names it.")
    accepted_at: str | None = Field(default=None, description="When the spec was accepted as this revision, in UTC.")
    author: str | None = Field(default=None, description="Who wrote the spec, where that is known.")
    git_revision: str | None = Field(default=None, description="Commit that the spec came from, where that is known.")
    workloads: tuple[WorkloadAnswer, ...] = Field(description="What runs of it.")


class StatusAnswer(Answer):
    namespace: str = Field(description="Namespace of the ModelConfig.")
    name: str = Field(description="Name of the ModelConfig.")
    model: str | None = Field(default=None, description="The model in one line.")
    url: str | None = Field(default=None, description="Base URL of the gateway, where the model is called.")
    example: str | None = Field(default=None, description="A call of the model in one line, to be copied.")
    current: bool = Field(description="Whether the operator has looked at the spec as it is now.")
    conditions: tuple[ConditionAnswer, ...] = Field(description="What the operator says about it.")
    revisions: tuple[RevisionStateAnswer, ...] = Field(description="Those that run, serve or are wanted; newest first.")


class WaitAnswer(Answer):
    namespace: str = Field(description="Namespace of the ModelConfig.")
    name: str = Field(description="Name of the ModelConfig.")
    outcome: str = Field(description="met, deadline, or cannotHeal: somebody has to change something.")
    stage: str | None = Field(
        default=None, description="sizing, scheduling, weights, loading or proof: how far it got."
    )
    reason: str | None = Field(default=None, description="The last reason, in one word of the reference.")
    message: str | None = Field(default=None, description="The last message, in a sentence.")
    seconds: float = Field(description="How long it took.")


class TokensAnswer(Answer):
    prompt: int = Field(description="All tokens of the prompt: inputText, inputCached and cacheWrite together.")
    completion: int = Field(description="All tokens of the answer: outputText and outputReasoning together.")
    total: int = Field(description="Prompt and answer together.")
    input_text: int = Field(description="Tokens of the prompt that were computed.")
    input_cached: int = Field(description="Tokens of the prompt that a cache had.")
    cache_write: int = Field(description="Tokens of the prompt that a provider computed and keeps in its cache.")
    output_text: int = Field(description="Tokens of the answer that can be read.")
    output_reasoning: int = Field(description="Tokens that were spent on thinking.")

    @classmethod
    def of(cls, tokens: Tokens) -> TokensAnswer:
        return cls(
            prompt=tokens.prompt,
            completion=tokens.completion,
            total=tokens.total,
            input_text=tokens.input_text,
            input_cached=tokens.input_cached,
            cache_write=tokens.cache_write,
            output_text=tokens.output_text,
            output_reasoning=tokens.output_reasoning,
        )


class AttemptAnswer(Answer):
    request: str = Field(description="Id of the request, as its caller got it in a header.")
    attempt: int = Field(description="1 for the first; each retry has a record of its own.")
    started_at: str = Field(description="When the attempt began, in UTC.")
    seconds: float = Field(description="How long it took.")
    first_token_seconds: float | None = Field(default=None, description="How long until the first token came.")
    namespace: str = Field(description="Namespace of the ModelConfig.")
    model: str = Field(description="Name of the ModelConfig.")
    revision: int = Field(description="Number of the revision that served.")
    backend: str = Field(description="What was called: an engine, or the kind of provider.")
    endpoint: str = Field(description="Name of the pod, or the host of the provider.")
    team: str = Field(description="The team that is charged.")
    key: str = Field(description="The ModelKey as namespace/name; empty where no keys are asked for.")
    operation: str = Field(description="chat, completion or embedding.")
    streamed: bool = Field(description="Whether the answer was a stream.")
    outcome: str = Field(description="How it ended: ok, cancelled, timeout, upstream_error, drained or another word.")
    status: int = Field(description="HTTP status of the attempt.")
    tokens: TokensAnswer = Field(description="What it used.")
    source: str = Field(description="Who counted: engine, provider, counted, estimated, or none if nothing was.")


class SumAnswer(Answer):
    name: str = Field(description="What these attempts have in common.")
    requests: int = Field(description="How many requests that was.")
    attempts: int = Field(description="How many attempts they took.")
    inexact: int = Field(description="Attempts whose tokens were not told by who computed them.")
    seconds: float = Field(description="The time of all attempts together.")
    tokens: TokensAnswer = Field(description="What they used.")


class UsageAnswer(Answer):
    prompt: int = Field(description="All tokens of the prompt.")
    completion: int = Field(description="All tokens of the answer.")
    total: int = Field(description="Prompt and answer together.")


class ChatAnswer(Answer):
    answer: str = Field(description="What the model said.")
    finish_reason: str | None = Field(default=None, description="Why it ended: stop, length or another word.")
    model: str | None = Field(default=None, description="What answered, as namespace/name.")
    revision: int | None = Field(default=None, description="Number of the revision that answered.")
    request_id: str | None = Field(default=None, description="Id of the request, as it stands in records and logs.")
    usage: UsageAnswer | None = Field(default=None, description="What it used; absent where nobody told.")
    first_token_seconds: float | None = Field(default=None, description="How long until the first words came.")
    seconds: float = Field(description="How long the whole answer took.")


class RecordsAnswer(Answer):
    records: tuple[AttemptAnswer, ...] = Field(description="The newest attempts that were asked for, the oldest first.")
    sums: tuple[SumAnswer, ...] = Field(description="All that were asked for, added up by --by, else by model.")
    total: SumAnswer = Field(description="All that were asked for together.")
    lost: int = Field(description="Records that a repair of the journal could not save.")
    damaged: tuple[str, ...] = Field(description="What is damaged and not yet repaired; its records are missing here.")
