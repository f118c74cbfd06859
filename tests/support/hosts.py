"""Which tiers this machine can run, and what it lacks for the others."""

from __future__ import annotations

import os
import sys

from tests.support import engine_home
from tools.cluster import host

WITH_CLUSTER = ("api", "control", "node")
TIERS = ("units", "runtime", "gateway", *WITH_CLUSTER)
_OWN_KERNEL = "linux"


def missing(tier: str) -> list[str]:
    """What this machine lacks for a tier; empty when it can run it."""
    if tier == "units":
        return []
    if tier == "gateway":
        return [] if sys.platform == _OWN_KERNEL else ["Linux"]
    return engine_home.missing() if tier == "runtime" else host.missing(tier)


def expected(tier: str) -> bool:
    """Whether a machine of this kind, once set up, can run the tier; then CI must not skip it."""
    if tier == "units":
        return True
    if sys.platform != _OWN_KERNEL:
        return False
    return tier != "node" or os.geteuid() == 0
