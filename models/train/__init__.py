"""Trains the small model that answers questions about Plimsoll; `make small-model` runs it."""
