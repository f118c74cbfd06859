"""How many calls are inside now, and how many of them wait for a limit; told to the operator once a second."""

from __future__ import annotations

from collections import Counter

from plimsoll.routing.conversation import Load, ModelLoad


class Calls:
    """By the name of the model."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    def entered(self, model: str) -> None:
        self._inside[model] += 1

    def left(self, model: str) -> None:
        _less(self._inside, model)

    def waits(self, model: str) -> None:
        self._waiting[model] += 1

    def waited(self, model: str) -> None:
        _less(self._waiting, model)

    def load(self) -> Load:
        """Who has no calls is not in it."""
        waiting = self._waiting
        return Load(
            models={
                model: ModelLoad(running=max(0, count - waiting[model]), waiting=waiting[model])
                for model, count in self._inside.items()
            }
        )


def _less(counts: Counter[str], model: str) -> None:
    """Forgets a model without calls, or every model that ever was would stay."""
    if counts[model] <= 1:
        del counts[model]
    else:
        counts[model] -= 1
