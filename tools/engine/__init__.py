"""llama.cpp for the engine: built from the source of its Python bindings, for this machine or for an image."""
