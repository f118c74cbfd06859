"""The llamacpp engine: one process serves one model, with continuous batching over parallel slots."""
