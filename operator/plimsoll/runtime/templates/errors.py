"""What can go wrong when messages become text."""

from __future__ import annotations

from plimsoll.errors import UserError


class TemplateError(UserError):
    """The template says no, or fails, with these messages: whoever sent them has to change them."""


class TemplateExceeded(UserError):
    """The template used more than it may. The next request gets a fresh process."""
