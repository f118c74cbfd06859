"""Answers that keep to a JSON schema, a grammar or the arguments of a function."""
