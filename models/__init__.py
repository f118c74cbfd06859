"""Models for tests, benches and demos, made by the project itself."""
