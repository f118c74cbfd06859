"""The engine's HTTP side: OpenAI's paths, as a raw ASGI application in one event loop."""
