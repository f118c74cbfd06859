"""`plimsoll records`: what a gateway has written down of every attempt, and the repair of a damaged journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll.cli.exits import ExitCode, NotThere, Unusable
from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import Format, FormatOption
from plimsoll.ledger.by import By

if TYPE_CHECKING:
    from plimsoll.cli.answers import AttemptAnswer, RecordsAnswer, SumAnswer
    from plimsoll.cost.record import Record
    from plimsoll.ledger.reading import Lost, Numbered
    from plimsoll.ledger.sums import Sum
    from plimsoll.ledger.walking import Damage

app = typer.Typer(invoke_without_command=True)


@dataclass(frozen=True)
class Which:
    """Of all records, these."""

    folder: Annotated[
        list[Path] | None,
        typer.Option("--folder", help="Folder of a journal; can be repeated. Default: the gateway's, in its pod."),
    ] = None
    since: Annotated[
        str | None, typer.Option("--since", help="Only attempts that began so long ago or later, such as 1h30m.")
    ] = None
    model: Annotated[str | None, typer.Option("--model", help="Only of this model, as namespace/name.")] = None
    team: Annotated[str | None, typer.Option("--team", help="Only of this team.")] = None
    key: Annotated[str | None, typer.Option("--key", help="Only of this key, as namespace/name.")] = None


@dataclass(frozen=True)
class Shown:
    by: Annotated[By | None, typer.Option("--by", help="Sums by this, in place of a list.")] = None
    last: Annotated[int, typer.Option("--last", min=0, help="Length of the list, the newest of all. 0: all.")] = 20


@app.callback()
@grouped
def records(call: typer.Context, which: Which, shown: Shown, output: FormatOption = Format.TABLE) -> None:
    """Show what was used, attempt by attempt or added up.

    Reads the journal of a gateway, also while it runs. Sums are over everything that was asked for, not only over what
    is listed. Exit code 1 when the journal is damaged; what can be read is shown all the same.

    \b
    plimsoll records --since 1h
    plimsoll records --by team
    plimsoll records --model team-a/chat --by day -o json
    """
    from plimsoll.cli.output import structured, write

    if call.invoked_subcommand:
        if which.folder:
            raise Unusable(f"--folder stands before `{call.invoked_subcommand}`", fix="say it after that word")
        return
    answer = answer_of(which, shown, datetime.now(UTC))
    if output == Format.TABLE:
        _tell(answer, shown)
    else:
        write(structured(answer.data(), output))
    if answer.damaged:
        raise typer.Exit(ExitCode.NO)


@app.command("repair")
def repair(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Folder of the journal. Default: the gateway's, in its pod.")
    ] = None,
) -> None:
    """Make a damaged journal whole.

    Every good record stays, and what is lost is marked. The damaged file lies beside it then, under another name. The
    gateway must not run meanwhile.
    """
    from plimsoll.cli.output import line
    from plimsoll.ledger.repairing import repair as repaired

    done = repaired(_journal(folder))
    for each in done:
        line(f"{each.path}: {each.kept} records kept, {each.lost} lost, {each.bad} bytes were none")
        line(f"  as it was: {each.aside}")
    if not done:
        line("nothing is damaged")


def answer_of(which: Which, shown: Shown, now: datetime) -> RecordsAnswer:
    from plimsoll.cli.answers import RecordsAnswer
    from plimsoll.ledger.reading import Lost, Numbered
    from plimsoll.ledger.sums import Sums

    fits, sums = _filter(which, now), Sums(shown.by or By.MODEL)
    listed: list[Record] = []
    lost, damaged = 0, list[str]()
    for folder in map(_journal, which.folder or (None,)):
        newest: deque[Record] = deque(maxlen=shown.last or None)
        for found in _found(folder):
            if isinstance(found, Numbered):
                if fits(found.record):
                    newest.append(found.record)
                    sums.add(found.record)
            elif isinstance(found, Lost):
                lost += found.last - found.first + 1
            elif not found.is_torn_off:  # else a gateway may be writing there now, and its next start cuts it
                damaged.append(f"{found.path}: {found.words}")
        listed += newest
    listed.sort(key=lambda record: record.started_ns)
    return RecordsAnswer(
        records=tuple(map(_attempt, listed[-shown.last :])),
        sums=tuple(_sum(name, part) for name, part in sorted(sums.parts.items())),
        total=_sum("total", sums.total),
        lost=lost,
        damaged=tuple(damaged),
    )


def _found(folder: Path) -> Iterator[Numbered | Lost | Damage]:
    from plimsoll.ledger.reading import found_in

    try:
        yield from found_in(folder)
    except OSError as error:
        raise Unusable(
            f"{folder} cannot be read: {error.strerror}", fix="run this as the user that the gateway runs as"
        ) from None


def _journal(folder: Path | None) -> Path:
    from plimsoll.ledger.files import FOLDER

    path = folder or FOLDER
    if not path.is_dir():
        raise NotThere(f"there is no journal in {path}", fix="name its folder with --folder, or run this in the pod")
    return path


def _filter(which: Which, now: datetime) -> Callable[[Record], bool]:
    from plimsoll.cli.times import duration
    from plimsoll.ledger.sums import NAMES, started

    since = now - duration(which.since) if which.since else None
    wanted = {By.MODEL: which.model, By.TEAM: which.team, By.KEY: which.key}
    named = [(NAMES[by], name) for by, name in wanted.items() if name is not None]

    def fits(record: Record) -> bool:
        return all(of(record) == name for of, name in named) and (since is None or started(record) >= since)

    return fits


def _attempt(record: Record) -> AttemptAnswer:
    from plimsoll.cli.answers import AttemptAnswer, TokensAnswer
    from plimsoll.ledger.sums import started

    return AttemptAnswer(
        request=record.request,
        attempt=record.attempt,
        started_at=started(record).isoformat().replace("+00:00", "Z"),
        seconds=record.seconds,
        first_token_seconds=record.first_token_seconds,
        namespace=record.namespace,
        model=record.model,
        revision=record.revision,
        backend=record.backend,
        endpoint=record.endpoint,
        team=record.team,
        key=record.key,
        operation=record.operation,
        streamed=record.streamed,
        outcome=record.outcome,
        status=record.status,
        tokens=TokensAnswer.of(record.tokens),
        source=record.source,
    )


def _sum(name: str, part: Sum) -> SumAnswer:
    from plimsoll.cli.answers import SumAnswer, TokensAnswer

    return SumAnswer(
        name=name,
        requests=part.requests,
        attempts=part.attempts,
        inexact=part.inexact,
        seconds=round(part.seconds, 6),
        tokens=TokensAnswer.of(part.tokens),
    )


def _tell(answer: RecordsAnswer, shown: Shown) -> None:
    from plimsoll.cli.output import note

    if shown.by:
        _tell_sums(answer, shown.by)
    else:
        _tell_attempts(answer)
    if answer.lost:
        note(f"{answer.lost} records were lost when a journal was repaired")
    for damage in answer.damaged:
        note(f"damaged: {damage}; `plimsoll records repair` keeps every good record")


def _tell_sums(answer: RecordsAnswer, by: By) -> None:
    from plimsoll.cli.output import table

    columns = (by.upper(), "REQUESTS", "ATTEMPTS", "PROMPT", "COMPLETION", "TOTAL", "INEXACT", "SECONDS")
    numbers = [
        (
            *(each.name or "-", str(each.requests), str(each.attempts)),
            *(str(each.tokens.prompt), str(each.tokens.completion), str(each.tokens.total)),
            *(str(each.inexact), f"{each.seconds:.1f}"),
        )
        for each in (*answer.sums, answer.total)
    ]
    table(columns, numbers)


def _tell_attempts(answer: RecordsAnswer) -> None:
    from plimsoll.cli.output import note, table

    columns = ("STARTED", "REQUEST", "MODEL", "TEAM", "KEY", "OUTCOME", "PROMPT", "COMPLETION", "SECONDS")
    table(
        columns,
        [
            (
                *(each.started_at[:19], each.request if each.attempt == 1 else f"{each.request} #{each.attempt}"),
                *(f"{each.namespace}/{each.model}", each.team, each.key or "-", each.outcome),
                *(str(each.tokens.prompt), str(each.tokens.completion), f"{each.seconds:.2f}"),
            )
            for each in answer.records
        ],
    )
    left = answer.total.attempts - len(answer.records)
    if left:
        note(f"and {left} more; --last 0 lists them, --by model adds them up")
