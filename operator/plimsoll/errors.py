"""Errors that a user can act on: what is wrong, and what to do about it."""


class UserError(Exception):
    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
