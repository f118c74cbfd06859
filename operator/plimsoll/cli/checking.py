"""`plimsoll check`: the API server's verdict, without a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll.cli.grouping import grouped
from plimsoll.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from plimsoll.cli.answers import CheckAnswer, SizeAnswer, VerdictAnswer
    from plimsoll.cli.documents import Damaged, Document

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="YAML or JSON files, folders, or - .")]


@dataclass(frozen=True)
class Sized:
    """Whether sizes are part of the verdict."""

    size: Annotated[bool, typer.Option("--size", help="Also say whether it fits: reads the header of the weights.")] = (
        False
    )
    config: Annotated[Path | None, typer.Option("--config", help="The operator's configuration, for --size.")] = None
    header: Annotated[Path | None, typer.Option("--header", help="A GGUF file here, for --size.")] = None


@grouped
def check(sized: Sized, files: Files, output: FormatOption = Format.TABLE) -> None:
    """Say whether a ModelConfig or ModelKey is valid, and why not.

    The verdict is the API server's, without a cluster. Exit code 0 when every object is accepted, 1 when one is
    refused, 6 when a source did not answer --size.

    \b
    plimsoll check model.yaml
    plimsoll check manifests/ -o json
    plimsoll check model.yaml --size --config operator.yaml
    """
    from plimsoll.cli.exits import ExitCode
    from plimsoll.cli.output import structured, write

    answer = verdicts(files, sized)
    if output == Format.TABLE:
        _tell(answer)
    else:
        write(structured(answer.data(), output))
    if not answer.accepted:
        raise typer.Exit(ExitCode.NO)
    if any(each.unsized for each in answer.documents):
        raise typer.Exit(ExitCode.CLUSTER)


def verdicts(files: list[str], sized: Sized) -> CheckAnswer:
    from plimsoll.cli.answers import CheckAnswer
    from plimsoll.cli.documents import Damaged, documents_of, files_in
    from plimsoll.cli.exits import Unusable
    from plimsoll.cli.output import printable

    documents: list[Document] = []
    ours: list[VerdictAnswer] = []
    for file in (file for each in files for file in files_in(each)):
        try:
            documents += documents_of(file)
        except Damaged as damage:
            ours.append(_damaged(file, damage))
    others = [document for document in documents if not (document.is_model_config or document.is_model_key)]
    ours += [_verdict(document, sized) for document in documents if document not in others]
    if not ours:
        raise Unusable(
            f"there is no ModelConfig in {', '.join(files)}, and no ModelKey",
            fix="name a file or folder that has one; `kind: ModelConfig` marks it",
        )
    return CheckAnswer(
        accepted=all(each.accepted for each in ours),
        documents=tuple(ours),
        skipped=tuple(f"{each.place}: {printable(each.object.get('kind', 'no kind'))}" for each in others),
    )


def _verdict(document: Document, sized: Sized) -> VerdictAnswer:
    from plimsoll.api.kinds import MODEL_CONFIG, MODEL_KEY
    from plimsoll.api.validate import validate
    from plimsoll.cli.answers import ProblemAnswer, VerdictAnswer
    from plimsoll.cli.exits import Failed

    problems = validate(document.object, MODEL_KEY if document.is_model_key else MODEL_CONFIG)
    size, unsized = None, None
    if sized.size and not problems and document.is_model_config:
        try:
            size = _size(document, sized)
        except Failed as failure:
            # What is not known hides nothing of what is.
            unsized = f"{failure.message}. {failure.fix}"
    return VerdictAnswer(
        place=document.place,
        name=document.name,
        accepted=not problems and (size is None or size.fits),
        problems=tuple(ProblemAnswer(field=each.field, rule=each.rule, message=each.message) for each in problems),
        size=size,
        unsized=unsized,
    )


def _size(document: Document, sized: Sized) -> SizeAnswer | None:
    """None for a model that a provider hosts."""
    from plimsoll.cli.sizing import Assumed
    from plimsoll.cli.sizing_offline import prepared, sizes_of

    if "source" not in document.object["spec"]:
        return None
    assumed = Assumed(config=sized.config, header=sized.header)
    return sizes_of(prepared(document, assumed), document.place, assumed)


def _damaged(file: str, damage: Damaged) -> VerdictAnswer:
    """One broken file shall not hide what is wrong in the others."""
    from plimsoll.cli.answers import ProblemAnswer, VerdictAnswer

    problem = ProblemAnswer(field="", rule="syntax", message=f"{damage.message}: {damage.fix}")
    return VerdictAnswer(place=file, name="", accepted=False, problems=(problem,))


def _tell(answer: CheckAnswer) -> None:
    from plimsoll.cli.output import line, note

    for each in answer.documents:
        name = each.name or "without a name"
        line(f"{each.place}: {name} {'is accepted' if each.accepted else 'is refused'}")
        for problem in each.problems:
            line(f"  {problem.field or 'the object'}: {problem.message}")
        if each.size:
            _tell_size(each.size)
        if each.unsized:
            line(f"  not sized: {each.unsized}")
    for skipped in answer.skipped:
        note(f"not looked at: {skipped}")


def _tell_size(size: SizeAnswer) -> None:
    from plimsoll.cli.output import line
    from plimsoll.plan.sizing_words import in_bytes

    if size.trouble:
        line(f"  {size.trouble.reason}: {size.trouble.message.rstrip('.')}. {size.trouble.fix}")
    else:
        parts = " + ".join(f"{part.name} {in_bytes(part.bytes)}" for part in size.parts if part.bytes)
        line(f"  fits on {size.hardware}: {parts} = {in_bytes(size.total_bytes or 0)}")
