"""How the demo ends early."""

from __future__ import annotations


class DemoFailed(Exception):
    """Something is not as it should be: a sentence, and the command that shows more."""

    def __init__(self, sentence: str, more: str) -> None:
        self.sentence = sentence
        self.more = more
        super().__init__(f"{sentence}\nThis shows more:  {more}")
