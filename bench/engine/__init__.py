"""The bench of the engine: tokens, waits and costs beside the servers that people run today, on one host."""
