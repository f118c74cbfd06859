"""How many tokens of prompts one step may read, so that running answers do not stall and no step takes for ever."""

from __future__ import annotations

from dataclasses import dataclass, field

from plimsoll.runtime.waiting import Average

# With a stream running, a step this long is still read as fluent, and shorter ones read prompts less well; a GPU does
# much more in less.
STREAMING_STEP_SECONDS = 0.4
STREAMING_STEP_SECONDS_ON_GPU = 0.05
# With nobody to wait for the step, it still has to end soon enough to count as progress and to notice who left.
LONGEST_STEP_SECONDS = 2.0
# Below this most of a step is overhead: weights are read from memory once for each chunk, however small it is.
SMALLEST_CHUNK = 64
# Nothing is known before the first chunk.
_FIRST_CHUNK = 128


@dataclass(slots=True)
class Pace:
    """Learns from each step that read prompts how long a token takes."""

    batch: int
    streaming_seconds: float = STREAMING_STEP_SECONDS
    token_seconds: Average = field(default_factory=Average)

    def learn(self, prompt_tokens: int, seconds: float) -> None:
        # A few tokens say more about the overhead of a step than about reading.
        if prompt_tokens >= SMALLEST_CHUNK:
            self.token_seconds.add(seconds / prompt_tokens)

    def budget(self, streaming: int) -> int:
        """Tokens of prompts for the next step, in which this many answers each go on by one token."""
        room = self.batch - streaming
        each = self.token_seconds.value
        if each is None:
            return min(room, _FIRST_CHUNK)
        limit = self.streaming_seconds if streaming else LONGEST_STEP_SECONDS
        return min(room, max(SMALLEST_CHUNK, int(limit / max(each, 1e-9))))
