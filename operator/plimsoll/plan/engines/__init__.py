"""One file for each engine, and the table of them."""

from plimsoll.api.engine import EngineName
from plimsoll.plan.engine import Planner
from plimsoll.plan.engines import llamacpp, vllm

PLANNERS: dict[EngineName, Planner] = {"llamacpp": llamacpp.PLANNER, "vllm": vllm.PLANNER}

__all__ = ["PLANNERS"]
