"""The kinds of this API: what each is called, what it looks like, and what holds for it."""

from __future__ import annotations

from dataclasses import dataclass

from plimsoll.api import names
from plimsoll.api.columns import COLUMNS, KEY_COLUMNS, Column
from plimsoll.api.contract import Contract
from plimsoll.api.modelconfig import ModelConfig
from plimsoll.api.modelkey import ModelKey
from plimsoll.api.rules import RULES, Rule
from plimsoll.api.rules.key import KEY_RULES


# Told apart as objects: one of each is all there is.
@dataclass(frozen=True, eq=False)
class Kind:
    name: str
    plural: str
    short_name: str
    # What one object of it stands for, as the reference begins.
    summary: str
    model: type[Contract]
    rules: tuple[Rule, ...]
    columns: tuple[Column, ...]
    # Whether `kubectl scale` and autoscalers can set how many replicas there are.
    scales: bool = False

    @property
    def singular(self) -> str:
        return self.name.lower()

    @property
    def definition(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.plural}.{names.GROUP}"


MODEL_CONFIG = Kind(
    name=names.KIND,
    plural=names.PLURAL,
    short_name=names.SHORT_NAME,
    summary="One model that can be called, hosted in the cluster or by a provider.",
    model=ModelConfig,
    rules=RULES,
    columns=COLUMNS,
    scales=True,
)
MODEL_KEY = Kind(
    name=names.KEY_KIND,
    plural="modelkeys",
    short_name="mkey",
    summary="One key that callers show, by its hash: who is charged, what it opens and how much may be called with it.",
    model=ModelKey,
    rules=KEY_RULES,
    columns=KEY_COLUMNS,
)
KINDS = (MODEL_CONFIG, MODEL_KEY)
