"""Gates: the figures that a bench must reach, read from one file and checked before anything is measured."""

import operator
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.frame.errors import GateError

GATES_FILE = Path(__file__).parents[1] / "gates.toml"

RECORDED = "recorded"
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
# How many of what a bench records (seconds, bytes, calls per second) make one of the unit.
TIMES = {"s": 1, "ms": 1e-3, "µs": 1e-6}
SIZES = {"MB": 1e6, "MiB": 2**20, "GiB": 2**30}
COUNTS = dict.fromkeys(("per second", "writes", "streams", "stalls"), 1.0)
UNITS: Mapping[str, float] = TIMES | SIZES | COUNTS


@dataclass(frozen=True)
class Gate:
    """One row of a bench: what it measures and the bar that the median must clear, if there is one."""

    bench: str
    row: str
    measures: str
    comparison: str
    value: float | None
    unit: str
    relative: bool
    source: str
    quick_value: float | None = None
    # The bar holds only where the peer reaches this, in the unit of the gate: on a host that is fast enough for it.
    from_peer: float | None = None

    def in_quick(self) -> "Gate":
        """The same with the bar that a quick run is held to, where that is another one."""
        return self if self.quick_value is None else replace(self, value=self.quick_value)

    def holds_here(self, peer: float | None) -> bool:
        """Whether the bar holds on a host where the peer measured this, in base units."""
        return self.from_peer is None or (peer is not None and peer >= self.from_peer * UNITS[self.unit])

    def clears(self, measured: float) -> bool:
        """Whether a median in base units (or, for a relative gate, a ratio) stands as the gate wants."""
        if self.value is None:
            return True
        bar = self.value if self.relative else self.value * UNITS[self.unit]
        return COMPARISONS[self.comparison](measured, bar)

    def wanted(self) -> str:
        """The bar in words, as a report shows it."""
        if self.value is None:
            return self.comparison
        return f"{self.comparison} {self.value:g} {'x peer' if self.relative else self.unit}"

    def show(self, measured: float) -> str:
        """A figure in base units, written in the unit of the gate."""
        return f"{measured / UNITS[self.unit]:.4g} {self.unit}"


def load_gates(bench: str, file: Path = GATES_FILE) -> dict[str, Gate]:
    """The gates of one bench, by row; an entry that is not whole is refused with its name."""
    tables = read_tables(file)
    if bench not in tables:
        raise GateError(f"{file.name} has no gates for the bench {bench!r}: add a table [{bench}.ROW] for each row")
    return {row: parse_gate(bench, row, entry) for row, entry in tables[bench].items()}


def read_tables(file: Path) -> dict[str, Any]:
    """The whole file, by bench and row, not yet checked."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise GateError(f"{file.name} is not valid TOML, put it right: {error}") from error


def parse_gate(bench: str, row: str, entry: Mapping[str, Any]) -> Gate:
    """One table of the file as a gate."""
    where = f"gate [{bench}.{row}]"
    needed = {"measures", "comparison", "unit", "source"}
    comparison = entry.get("comparison")
    if comparison != RECORDED:
        needed.add("value")
    if missing := needed - entry.keys():
        raise GateError(f"{where} lacks {', '.join(sorted(missing))}")
    optional = {"relative"} if comparison == RECORDED else {"relative", "quick_value", "from_peer"}
    if unknown := entry.keys() - needed - optional:
        raise GateError(f"{where} has keys it cannot use: {', '.join(sorted(unknown))}")
    if comparison not in {RECORDED, *COMPARISONS}:
        raise GateError(f"{where}: comparison {comparison!r} is not one of {', '.join(COMPARISONS)}, {RECORDED}")
    if entry["unit"] not in UNITS:
        raise GateError(f"{where}: unit {entry['unit']!r} is not one of {', '.join(UNITS)}")
    value, quick, from_peer = (parse_number(entry, key, where) for key in ("value", "quick_value", "from_peer"))
    relative = entry.get("relative", False)
    if not isinstance(relative, bool):
        raise GateError(f"{where}: relative {relative!r} is neither true nor false")
    words = (bench, row, entry["measures"], comparison, value, entry["unit"], relative, entry["source"])
    return Gate(*words, quick_value=quick, from_peer=from_peer)


def parse_number(entry: Mapping[str, Any], key: str, where: str) -> float | None:
    value = entry.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise GateError(f"{where}: {key} {value!r} is not a number")
    return value


def check_rows(gates: Mapping[str, Gate], rows: Iterable[str], file: Path = GATES_FILE) -> None:
    """Refuse a row without a gate, a gate without a row, and a row that two parts of the bench would fill."""
    seen: set[str] = set()
    for row in rows:
        if row not in gates:
            raise GateError(f"the row {row!r} has no gate: add it to {file.name}")
        if row in seen:
            raise GateError(f"the row {row!r} is measured twice: leave it to one experiment")
        seen.add(row)
    if unmeasured := gates.keys() - seen:
        raise GateError(f"gates that nothing measures: {', '.join(sorted(unmeasured))}")
