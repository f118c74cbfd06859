"""The one document between operator and gateway: what it says, how it changes and travels; no I/O, no clock."""
