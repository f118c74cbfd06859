"""What can go wrong in a bench itself, as opposed to a figure that misses its gate."""


class BenchError(Exception):
    """The bench cannot go on as asked; the message says what to change."""


class GateError(BenchError):
    """The gates and the rows of a bench do not fit together."""


class CommandError(BenchError):
    """A measured command ended badly; the message holds its last lines."""
