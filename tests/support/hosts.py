"""Which tiers this machine can run, and what it lacks for the others."""

from __future__ import annotations

import os
import sys

from tools.cluster import host

TIERS = ("units", "api", "control", "node")
_OWN_KERNEL = "linux"


def missing(tier: str) -> list[str]:
    """What this machine lacks for a tier; empty when it can run it."""
    return [] if tier == "units" else host.missing(tier)


def expected(tier: str) -> bool:
    """Whether a machine of this kind, once set up, can run the tier; then CI must not skip it."""
    if tier == "units":
        return True
    if sys.platform != _OWN_KERNEL:
        return False
    return tier != "node" or os.geteuid() == 0
