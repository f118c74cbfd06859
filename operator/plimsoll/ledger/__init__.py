"""What was used, safe on disk, and what is held of limits; the store of both is this machine."""
