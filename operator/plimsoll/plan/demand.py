"""CPU and memory of one replica, where the numbers of a user go before every estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plimsoll.api.hardware import LargestAmounts, RequestedAmounts
from plimsoll.api.reasons import Reason
from plimsoll.api.status import SizePart, Sizing
from plimsoll.plan import quantities
from plimsoll.plan.engine import Demand, Wanted
from plimsoll.plan.finding import Finding
from plimsoll.plan.gguf_types import MIB
from plimsoll.plan.quantities import bytes_of, millis_of
from plimsoll.plan.sizing import Part
from plimsoll.plan.sizing_cpu import threads_for
from plimsoll.plan.sizing_words import in_bytes

_MOST_REASONS = 32
_LONGEST_REASON = 1024
# The contract writes names as fields are written.
_NAMES = {"KV": "kvCache"}


@dataclass(frozen=True, slots=True)
class Need:
    """What an engine found that a replica takes."""

    parts: Sequence[Part]
    reasons: Sequence[str] = ()
    gpu_layers: int | None = None
    # Whether more than this would be a mistake; False where it is not known well enough to end a pod by it.
    exact: bool = True

    @property
    def memory(self) -> int:
        """In whole MiB."""
        return -(-sum(part.size for part in self.parts) // MIB) * MIB


@dataclass(frozen=True, slots=True)
class Amounts:
    """A request and a limit, as far as the user set them."""

    request: int | None
    limit: int | None


def memory_given(wanted: Wanted) -> Amounts:
    requests, limits = _given(wanted)
    return Amounts(
        None if requests.memory is None else bytes_of(requests.memory),
        None if limits.memory is None else bytes_of(limits.memory),
    )


def memory_allowed(wanted: Wanted) -> int | None:
    """The most that the profile gives one replica."""
    return None if wanted.profile.memory_limit is None else bytes_of(wanted.profile.memory_limit)


def beyond_profile(wanted: Wanted) -> Finding | None:
    """A user may know better than an estimate, but cannot take more than the platform gives."""
    allowed, given = memory_allowed(wanted), memory_given(wanted)
    for name, amount in (("requests", given.request), ("limits", given.limit)):
        if amount is not None and allowed is not None and amount > allowed:
            return Finding(
                Reason.DOES_NOT_FIT,
                f"spec.resources.{name}.memory is {in_bytes(amount)}, and the profile {wanted.profile.name} gives one "
                f"replica at most {in_bytes(allowed)}",
            )
    return None


def demand_of(wanted: Wanted, need: Need) -> Demand:
    """What the pod asks for: what the user set, and for the rest what the engine found."""
    cpu_request, cpu_limit = _cpu(wanted)
    memory_request, memory_limit = _memory(wanted, need)
    threads = wanted.resources.threads or threads_for(cpu_limit)
    reasons = (*need.reasons, *_memory_reasons(wanted, need), *_thread_reasons(wanted, cpu_limit))
    sizing = Sizing(
        parts=tuple(
            SizePart(name=_NAMES.get(part.name, part.name), bytes=part.size, why=part.reason) for part in need.parts
        ),
        total_bytes=sum(part.size for part in need.parts),
        memory_request=quantities.memory(memory_request),
        memory_limit=None if memory_limit is None else quantities.memory(memory_limit),
        threads=threads,
        gpu_layers=need.gpu_layers,
        reasons=tuple(reason[:_LONGEST_REASON] for reason in dict.fromkeys(reasons))[:_MOST_REASONS],
    )
    return Demand(cpu_request, cpu_limit, memory_request, memory_limit, sizing)


def _cpu(wanted: Wanted) -> tuple[int, int]:
    """Request and limit. What is left out follows what is given, so that they never cross."""
    requests, limits = _given(wanted)
    usual = millis_of(wanted.profile.cpu)
    request = None if requests.cpu is None else millis_of(requests.cpu)
    limit = max(usual, request or 0) if limits.cpu is None else millis_of(limits.cpu)
    return (limit if request is None else request), limit


def _memory(wanted: Wanted, need: Need) -> tuple[int, int | None]:
    given, allowed = memory_given(wanted), memory_allowed(wanted)
    bounds = [bound for bound in (given.limit, allowed) if bound is not None]
    request = given.request if given.request is not None else min([need.memory, *bounds])
    if given.limit is not None:
        return request, given.limit
    if not need.exact:
        return request, allowed
    return request, max(request, min([need.memory, *bounds]))


def _memory_reasons(wanted: Wanted, need: Need) -> list[str]:
    given, reasons = memory_given(wanted), []
    if given.request is not None and need.memory != given.request:
        reasons.append(
            f"requests.memory {in_bytes(given.request)} is set by hand and takes the place of {in_bytes(need.memory)}"
        )
    if given.limit is not None and need.memory != given.limit:
        reasons.append(
            f"limits.memory {in_bytes(given.limit)} is set by hand and takes the place of {in_bytes(need.memory)}"
        )
    return reasons


def _thread_reasons(wanted: Wanted, cpu_limit: int) -> list[str]:
    usual = threads_for(cpu_limit)
    given = wanted.resources.threads
    if given is not None:
        return [f"threads {given} is set by hand" + ("" if given == usual else f" and takes the place of {usual}")]
    reason = f"{usual} thread{'s' if usual > 1 else ''} for a quota of {cpu_limit / 1000:g} CPU"
    return [f"{reason}; a whole number of CPUs would waste none" if cpu_limit % 1000 else reason]


def _given(wanted: Wanted) -> tuple[RequestedAmounts, LargestAmounts]:
    return wanted.resources.requests or RequestedAmounts(), wanted.resources.limits or LargestAmounts()
