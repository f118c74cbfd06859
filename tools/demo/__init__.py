"""From a fresh clone to an answered prompt and its record: `make demo`, `make demo-down`.

It starts with nothing but Python: whatever else is needed, its first steps bring. So it imports no package of others.
"""
