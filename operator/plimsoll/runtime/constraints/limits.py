"""How large a grammar may be, and how much of it may be thought about for one token."""

from __future__ import annotations

from llguidance import LLParserLimits

# What a client sends; the library's own limits are told in its own units below.
LARGEST_SOURCE = 256 << 10


def parser_limits() -> LLParserLimits:
    """The library's fuel is about 50 (at the start) and 14 (at a step) units for a microsecond.

    A text of a bounded length takes up to one state of the lexer for each of its letters. Hostile ones take up to
    half a kilobyte.
    """
    return LLParserLimits(
        initial_lexer_fuel=1_000_000,
        step_lexer_fuel=100_000,
        step_max_items=20_000,
        max_items_in_row=1_000,
        max_lexer_states=50_000,
        max_grammar_size=100_000,
        verbose_errors=False,
    )
