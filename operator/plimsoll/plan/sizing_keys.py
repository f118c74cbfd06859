"""Reads the values of a header that describe a model's shape, each within bounds."""

from __future__ import annotations

from collections.abc import Mapping

from plimsoll.plan.gguf import BadHeader, Value

_NAME_LENGTH = 64


class Keys:
    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values
        architecture = values.get("general.architecture")
        if not isinstance(architecture, str) or not architecture.isprintable() or len(architecture) > _NAME_LENGTH:
            raise BadHeader("the header names no architecture (general.architecture)")
        self.architecture = architecture

    def plain(self, key: str) -> Value | None:
        return self._values.get(key)

    def value(self, key: str) -> Value | None:
        return self._values.get(f"{self.architecture}.{key}")

    def has(self, key: str) -> bool:
        return f"{self.architecture}.{key}" in self._values

    def has_under(self, prefix: str) -> bool:
        return any(key.startswith(f"{self.architecture}.{prefix}") for key in self._values)

    def number(self, key: str, *, least: int = 0, most: int, default: int | None = None) -> int:
        value = self.value(key)
        if value is None and default is not None:
            return default
        return self._checked(key, value, least, most)

    def per_layer(self, key: str, layers: int, *, most: int, default: int | None = None) -> tuple[int, ...]:
        """One number for all layers, or a list with one for each."""
        value = self.value(key)
        if not isinstance(value, tuple):
            return (self.number(key, most=most, default=default),) * layers
        if len(value) != layers:
            raise BadHeader(f"{self.architecture}.{key} has {len(value)} entries for {layers} layers")
        return tuple(self._checked(key, entry, 0, most) for entry in value)

    def marks(self, key: str, layers: int) -> tuple[bool, ...] | None:
        """A list of yes and no, one for each layer."""
        value = self.value(key)
        if not isinstance(value, tuple):
            return None
        if len(value) < layers:
            raise BadHeader(f"{self.architecture}.{key} has {len(value)} entries for {layers} layers")
        return tuple(bool(entry) for entry in value[:layers])

    def _checked(self, key: str, value: object, least: int, most: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        told = "missing" if value is None else f"{str(value)[:40]}"
        raise BadHeader(f"{self.architecture}.{key} must be a whole number from {least:,} to {most:,}, and is {told}")
