"""Whether a load fits into a limit; if not, the numbers, and the context that would."""

from __future__ import annotations

from dataclasses import replace

from plimsoll.errors import UserError
from plimsoll.plan.gguf_types import MIB
from plimsoll.plan.sizing import CONTEXT_STEP, Estimate, Load, Overrides, estimate
from plimsoll.plan.sizing_model import Model
from plimsoll.plan.sizing_words import comparison


class DoesNotFit(UserError):
    """The message has every part and the limit; `context` is the largest that would fit, if any does."""

    def __init__(self, message: str, *, fix: str, estimate: Estimate, context: int | None) -> None:
        super().__init__(message, fix=fix)
        self.estimate = estimate
        self.context = context


def fit(model: Model, load: Load, limit: int, overrides: Overrides | None = None, *, gpu_layers: int = 0) -> Estimate:
    """The estimate, or DoesNotFit."""
    found = estimate(model, load, overrides, gpu_layers=gpu_layers)
    if found.total <= limit:
        return found
    context = largest_context(model, load, limit, overrides, gpu_layers=gpu_layers)
    told = comparison([(part.name, part.size) for part in found.parts], limit)
    needed = f"set resources.limits.memory to {-(-found.total // MIB)}Mi or more"
    if context is None:
        raise DoesNotFit(f"{told}; no context would fit", fix=needed, estimate=found, context=None)
    raise DoesNotFit(
        f"{told}; context {context} would fit",
        fix=f"set context to {context} or less, or {needed}",
        estimate=found,
        context=context,
    )


def largest_context(
    model: Model, load: Load, limit: int, overrides: Overrides | None = None, *, gpu_layers: int = 0
) -> int | None:
    """The largest context below the wanted one that fits, in the steps that llama.cpp rounds to."""

    def fits(steps: int) -> bool:
        smaller = replace(load, context=steps * CONTEXT_STEP)
        return estimate(model, smaller, overrides, gpu_layers=gpu_layers).total <= limit

    fitting, failing = 0, load.context_per_request // CONTEXT_STEP
    while failing - fitting > 1:
        middle = (fitting + failing) // 2
        fitting, failing = (middle, failing) if fits(middle) else (fitting, middle)
    return fitting * CONTEXT_STEP or None
