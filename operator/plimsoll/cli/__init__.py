"""The command `plimsoll`."""
