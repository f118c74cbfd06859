"""Writes what follows from the models of the API, so that nobody has to keep it in step by hand."""
