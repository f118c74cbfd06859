"""Who wrote a spec, as far as the object tells."""

from __future__ import annotations

from typing import Any

from plimsoll.api import names
from plimsoll.plan.observed import Object

_LONGEST = 1024


def author_of(config: Object) -> str | None:
    """The one who says so in an annotation, else the field manager that wrote the spec last."""
    said = _annotation(config, names.ANNOTATION_AUTHOR)
    return said or last_writer(config["metadata"].get("managedFields") or ())


def git_revision_of(config: Object) -> str | None:
    return _annotation(config, names.ANNOTATION_GIT_REVISION)


def last_writer(managed_fields: Any) -> str | None:
    """The manager of the newest entry that owns a field of the spec; scaling goes through a subresource."""
    wrote = [
        entry
        for entry in managed_fields
        if "f:spec" in (entry.get("fieldsV1") or {}) and not entry.get("subresource") and entry.get("manager")
    ]
    if not wrote:
        return None
    # Times are whole seconds in one format, so text sorts as time does.
    return str(max(wrote, key=lambda entry: entry.get("time") or "")["manager"])[:_LONGEST]


def _annotation(config: Object, name: str) -> str | None:
    value = (config["metadata"].get("annotations") or {}).get(name, "")
    return str(value).strip()[:_LONGEST] or None
