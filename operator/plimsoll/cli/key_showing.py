"""How a new key is shown, the one time that it can be; and the waiting until it opens something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.cli.reaching import Object, Reached, Where, asked

if TYPE_CHECKING:
    from plimsoll.cli.exits import ExitCode
    from plimsoll.cli.key_answers import KeyAnswer

_PAUSE_SECONDS = 0.3
_STANDARD_OUTPUT = Path("-")


class KeyFormat(StrEnum):
    PLAIN = "plain"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True)
class NewKey:
    """The key itself, and its object: as it was stored, or as it is to be."""

    plain: str
    document: Object

    @property
    def subject(self) -> str:
        metadata = self.document["metadata"]
        return "/".join(metadata[key] for key in ("namespace", "name") if key in metadata)


@dataclass(frozen=True)
class Showing:
    """What becomes of a new key."""

    output: Annotated[KeyFormat, typer.Option("--output", "-o", help="plain is the key and nothing else.")] = (
        KeyFormat.PLAIN
    )
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            help="Write the ModelKey to this new file for Git, and nothing to the cluster. With - it goes to the "
            "standard output, and the key to the standard error.",
        ),
    ] = None
    wait: Annotated[str, typer.Option("--wait", help="How long the operator has to accept it.")] = "30s"
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End as soon as it is stored.")] = False

    def check(self) -> None:
        """Before there is a key: what cannot be used shall cost none."""
        from plimsoll.cli.exits import Unusable
        from plimsoll.cli.times import duration

        duration(self.wait)
        if self.manifest is not None and self.manifest != _STANDARD_OUTPUT and self.manifest.exists():
            raise Unusable(f"{self.manifest} is there already", fix="choose another name, or remove it")

    def show(self, new: NewKey, where: Where) -> None:
        if self.manifest is not None:
            _hand_over(new, self.manifest, self.output)
            return
        if self.output == KeyFormat.PLAIN:
            _tell(new)
        found = None
        try:
            if not self.no_wait:
                found = _accepted(new, where, self.wait)
        finally:
            # Whatever ends the waiting: nobody can show it later.
            if self.output != KeyFormat.PLAIN:
                _print(new, found, self.output)
        if found is not None and (code := _verdict(new, found)):
            raise typer.Exit(code)


def _tell(new: NewKey) -> None:
    from plimsoll.cli.output import line, note

    note(f"{new.subject}: this is shown now and never again; keep it where your secrets are")
    line(new.plain)
    if previous := new.document["spec"].get("previous"):
        note(f"the key before it is valid until {previous['validUntil']}")


def _print(new: NewKey, found: KeyAnswer | None, output: KeyFormat) -> None:
    from plimsoll.cli.key_answers import NewKeyAnswer
    from plimsoll.cli.output import structured, write

    metadata, spec = new.document["metadata"], new.document["spec"]
    answer = NewKeyAnswer(
        namespace=metadata.get("namespace"),
        name=metadata["name"],
        key=new.plain,
        prefix=spec["prefix"],
        expires_at=spec.get("expiresAt"),
        previous_valid_until=(spec.get("previous") or {}).get("validUntil"),
        ready=found.ready if found else None,
        reason=found.reason if found else None,
        message=found.message if found else None,
    )
    write(structured(answer.data(), output))


def _hand_over(new: NewKey, file: Path, output: KeyFormat) -> None:
    from plimsoll.cli.carrying import write_file
    from plimsoll.cli.output import as_json, as_yaml, note, write

    if file == _STANDARD_OUTPUT:
        note(f"{new.subject}: this is shown now and never again; keep it where your secrets are")
        note(new.plain)
        write(as_json(new.document) if output == KeyFormat.JSON else as_yaml(new.document))
        return
    text = as_json(new.document) if file.suffix == ".json" else as_yaml(new.document)
    # First the file: a key that nothing knows is of no use.
    write_file(file, text)
    if output == KeyFormat.PLAIN:
        _tell(new)
    else:
        _print(new, None, output)
    note(f"wrote {file}: it has the hash, not the key, so commit it; it opens something when it is in the cluster")


def _accepted(new: NewKey, where: Where, wait: str) -> KeyAnswer:
    """As the operator says, or as it is when the time is up."""
    from plimsoll.cli.times import duration

    longest = duration(wait).total_seconds()
    metadata: dict[str, Any] = new.document["metadata"]

    async def question(reached: Reached) -> KeyAnswer:
        import asyncio

        from plimsoll.cli.key_objects import read, row
        from plimsoll.cli.waiting import is_current

        clock = asyncio.get_running_loop().time
        end = clock() + longest
        while True:
            found = await read(reached, metadata["name"])
            answer = row(found)
            known = is_current(found) and answer.ready in ("True", "False")
            if known or clock() >= end:
                return answer if known else answer.model_copy(update={"ready": None, "reason": None, "message": None})
            await asyncio.sleep(_PAUSE_SECONDS)

    return asked(where, question)


def _verdict(new: NewKey, found: KeyAnswer) -> ExitCode | None:
    from plimsoll.cli.exits import ExitCode
    from plimsoll.cli.output import note

    why = f": {found.message or found.reason}" if found.message or found.reason else ""
    if found.ready == "True":
        note(f"{new.subject} is accepted{why}")
        return None
    if found.ready == "False":
        note(f"{new.subject} is stored, and opens nothing{why}")
        return ExitCode.CANNOT_HEAL
    note(f"{new.subject} is stored, and no operator has looked at it yet; is one running? --no-wait does not ask")
    return ExitCode.DEADLINE
