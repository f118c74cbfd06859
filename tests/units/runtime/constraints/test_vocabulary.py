"""What a grammar's forced beginning becomes in the tokens of a model."""

import numpy as np
from llguidance import LLMatcher
from numpy.typing import NDArray

from plimsoll.runtime.constraints.matching import Matching
from plimsoll.runtime.constraints.vocabulary import tokenizer_of
from tests.support.letters import Letters

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


class SpaceFirst(Letters):
    """As the tokenisers of the llama family: a space stands before whatever a text begins with."""

    def tokenize(self, text: str, *, special: bool, begin: bool) -> NDArray[np.int32]:
        return super().tokenize(" " + text, special=special, begin=begin)


def test_what_a_grammar_forces_gets_no_space_before_it() -> None:
    matcher = LLMatcher(tokenizer_of(SpaceFirst()), LLMatcher.grammar_from_json_schema(SCHEMA), log_level=0)
    match = Matching(matcher, SpaceFirst.n_vocab)
    brace = ord("{")
    assert match.compute_mask()[brace // 32] >> (brace % 32) & 1
    assert match.accept(brace)
