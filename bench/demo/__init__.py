"""How long `make demo` takes from a fresh clone, and whether it can be killed at any moment and called again."""
