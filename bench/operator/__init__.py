"""The bench of the operator: how fast, how quiet and how small it is with a thousand models."""
