"""Exactly one token at the beginning of a text, whatever the template wrote and whatever the model asks for."""

from __future__ import annotations


def beginning(text: str, bos: str, add_bos: bool) -> str:
    """The text with one of the beginnings that a template wrote, or none where the tokenizer puts one there itself."""
    if not bos or not text.startswith(bos):
        return text
    while text.startswith(bos):
        text = text[len(bos) :]
    return text if add_bos else bos + text
