"""What `kubectl get` and `plimsoll get` show of an object: titles, types and places in the object."""

from __future__ import annotations

Column = tuple[str, str, str]

COLUMNS: tuple[Column, ...] = (
    ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
    ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
    ("Model", "string", ".status.model"),
    ("Engine", "string", ".status.engine"),
    ("Hardware", "string", ".status.hardware"),
    ("Replicas", "integer", ".status.replicas"),
    ("Revision", "integer", ".status.currentRevision.number"),
    ("URL", "string", ".status.url"),
    ("Age", "date", ".metadata.creationTimestamp"),
)

KEY_COLUMNS: tuple[Column, ...] = (
    ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
    ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
    ("Prefix", "string", ".spec.prefix"),
    ("Team", "string", ".status.team"),
    ("Suspended", "boolean", ".spec.suspended"),
    # As a text: kubectl shows how long ago a date was, and has no word for those to come.
    ("Expires", "string", ".spec.expiresAt"),
    ("Age", "date", ".metadata.creationTimestamp"),
)
