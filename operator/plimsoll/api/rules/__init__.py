"""Cross-field rules: each is one object with its CEL text, its Python twin and a message that says what to do."""

from plimsoll.api.rules.calls import ACCESS_RULES, CALL_RULES, limit_rules
from plimsoll.api.rules.engine import ENGINE_RULES, HARDWARE_RULES, RESOURCE_RULES
from plimsoll.api.rules.pod import POD_RULES
from plimsoll.api.rules.policy import GENERATION_RULES, PROMPT_RULES
from plimsoll.api.rules.rule import Rule
from plimsoll.api.rules.source import EXTERNAL_RULES, SOURCE_RULES
from plimsoll.api.rules.spec import SPEC_RULES

RULES: tuple[Rule, ...] = (
    *SPEC_RULES,
    *SOURCE_RULES,
    *EXTERNAL_RULES,
    *ENGINE_RULES,
    *HARDWARE_RULES,
    *RESOURCE_RULES,
    *GENERATION_RULES,
    *PROMPT_RULES,
    *ACCESS_RULES,
    *limit_rules("model"),
    *CALL_RULES,
    *POD_RULES,
)

__all__ = ["RULES", "Rule"]
