"""What can be wrong with a schema or a grammar."""

from __future__ import annotations

from plimsoll.errors import UserError


class BadGrammar(UserError):
    """Whoever sent it has to change it: it has a mistake, asks for what is not supported, or is too large."""


class ConstraintFailed(Exception):
    """A grammar that was accepted grew beyond its bounds while its text was written."""
