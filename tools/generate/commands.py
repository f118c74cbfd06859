"""The command line as a page, and the schemas of what its verbs print: both from the program itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from plimsoll.cli import answers, key_answers
from plimsoll.cli.exits import ExitCode
from plimsoll.cli.main import app

FOLDER = "docs/reference/cli"
OUTPUTS: dict[str, type[answers.Answer]] = {
    "check": answers.CheckAnswer,
    "size": answers.SizeAnswer,
    "get": answers.ListAnswer,
    "status": answers.StatusAnswer,
    "history": answers.HistoryAnswer,
    "diff": answers.DiffAnswer,
    "wait": answers.WaitAnswer,
    "records": answers.RecordsAnswer,
    "chat": answers.ChatAnswer,
    "key list": key_answers.KeysAnswer,
    "key create": key_answers.NewKeyAnswer,
    "key rotate": key_answers.NewKeyAnswer,
}
# Started by containers, not by people.
_PROCESSES = ("operator", "fetch")
_WIDTH = 100
_PROGRAM = "plimsoll"
_HEADER = "<!-- Made by `make generate` from operator/plimsoll/cli; change it there. -->\n"
_BEGINNING = """# plimsoll

One command for models on Kubernetes. It is also `kubectl plimsoll`, as soon as `kubectl-plimsoll` is on your PATH.

What needs no cluster (`check`, `size FILE`, `diff FILE FILE`, `crds`) asks none. Everything else reads the kubeconfig
that kubectl reads, and takes `-n`, `--context` and `--kubeconfig` as kubectl does, before the verb or after it.
[The life of a model](models.md) shows the verbs at work, task by task.

**For scripts** there are `-o json`, `-o yaml` and, where it makes sense, `-o name`. The JSON keeps to the schemas
below. What is only for people goes to the standard error; without a terminal there are no colours, no drawings and no
line is cut; `NO_COLOR` and `TERM=dumb` are respected. What a cluster or a file says is printed without control
characters.

**Completion**: `source <(plimsoll completion bash)`, the same for `zsh`, and `plimsoll completion fish | source`.
kubectl completes `kubectl plimsoll` when `kubectl_complete-plimsoll` is on your PATH.
"""


def command_text() -> str:
    return "\n".join([_HEADER, _BEGINNING, *_exit_codes(), *_verbs()])


def output_schemas() -> dict[str, str]:
    """By path."""
    return {f"{FOLDER}/{schema_name(verb)}": _schema(verb, answer) for verb, answer in OUTPUTS.items()}


def schema_name(verb: str) -> str:
    return f"{verb.replace(' ', '-')}.json"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield "| Code | Meaning |"
    yield "|---|---|"
    for code in ExitCode:
        yield f"| {int(code)} | {code.meaning} |"
    yield ""


def _verbs() -> Iterator[str]:
    program: Any = get_command(app)
    settings = {**program.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    above = program.context_class(program, info_name=_PROGRAM, **settings)
    for name, verb in program.commands.items():
        if name not in _PROCESSES:
            yield from _verb(verb, name, above)


def _verb(verb: Any, name: str, above: Any) -> Iterator[str]:
    context = verb.context_class(verb, info_name=name, parent=above)
    yield f"## {context.command_path}\n"
    words = context.command_path.removeprefix(f"{_PROGRAM} ")
    if words in OUTPUTS:
        yield f"`-o json` prints [this](reference/cli/{schema_name(words)}).\n"
    yield f"```\n{verb.get_help(context).strip()}\n```\n"
    for below, each in getattr(verb, "commands", {}).items():
        yield from _verb(each, below, context)


def _schema(verb: str, answer: type[answers.Answer]) -> str:
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **answer.model_json_schema(by_alias=True),
        "title": f"What `plimsoll {verb} -o json` prints",
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
