"""The four roles of the sample with no, one and three examples on both paths, as text that a reviewer can read.

`python -m tests.support.golden_prompts` writes tests/golden/prompts.txt anew.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import yaml

from plimsoll.gateway.policy.prompts import messages_form, text_form
from plimsoll.routing.policy import Example, Prompt
from tests.support.model_configs import SAMPLES

FILE = Path(__file__).resolve().parents[1] / "golden" / "prompts.txt"
_BEGIN = "==== "
_ROLES = ("default", "coding", "teacher", "creative")
NAMES = [f"{role}, {count}, {path}" for role, count, path in product(_ROLES, (0, 1, 3), ("chat", "completion"))]
QUESTION = "배는 왜 물에 뜨나요?"
EXAMPLES = (
    Example(user="변수가 뭐예요?", answer="값에 붙인 이름표라고 생각하면 됩니다."),
    Example(user="{중괄호}는요?", answer="그대로 남습니다.\n두 줄이어도요."),
    Example(user="마지막이에요?", answer="네, 마지막입니다."),
)


def _prompt(name: str, examples: int) -> Prompt:
    declared = yaml.safe_load((SAMPLES / "roles" / "roles.yaml").read_text(encoding="utf-8"))["spec"]["prompt"]
    role = next(each for each in declared["roles"] if each["name"] == name)
    return Prompt(
        role=name,
        lock_system=declared["lockSystem"],
        system=role["system"],
        frame=role["frame"],
        answer_prefix=role["answerPrefix"],
        examples=EXAMPLES[:examples],
    )


def rendered(name: str) -> str:
    role, examples, path = name.split(", ")
    prompt = _prompt(role, int(examples))
    if path == "completion":
        return text_form(prompt, QUESTION)
    messages = messages_form(prompt, [{"role": "user", "content": QUESTION}])
    return "\n".join(json.dumps(each, ensure_ascii=False) for each in messages)


def kept() -> dict[str, str]:
    """By name, as a person has looked at it."""
    parts = FILE.read_text(encoding="utf-8").split(_BEGIN)[1:]
    return {name: text.removesuffix("\n") for name, _, text in (part.partition("\n") for part in parts)}


def main() -> None:
    FILE.write_text("".join(f"{_BEGIN}{name}\n{rendered(name)}\n" for name in NAMES), encoding="utf-8")


if __name__ == "__main__":
    main()
