"""A revision: a spec as it was accepted, with everything it depends on, and the pods as they were rendered then.

What is stored is the result, not the recipe. A newer operator, other defaults or a moved tag therefore change nothing
that runs, and going back to a revision means exactly the pods that it had.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from plimsoll.api.status import Sizing
from plimsoll.plan.observed import Object


@dataclass(frozen=True, slots=True)
class Workload:
    """One way to run a revision: on the declared hardware, or on its fallback."""

    hash: str  # 64 hexadecimal digits; `names.short` of it names the Deployment
    profile: str
    on_gpu: bool
    image: str
    template: Object  # a PodTemplateSpec, complete
    arguments_hash: str
    sizing: Sizing | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    number: int
    behaviour: str
    spec: Object  # as accepted, with the defaults of the API
    accepted_at: datetime
    author: str | None = None
    git_revision: str | None = None
    declared: Workload | None = None  # None for a model that a provider hosts
    fallback: Workload | None = None
    # What came from elsewhere when the spec was accepted: image, content of the profiles, identity of the weights.
    resolved: Object = field(default_factory=dict)
