"""Callers: many at once or one after the other, each of whose answers is judged: right, a clean error, or a lie."""
