"""What should exist, decided from values alone: no event loop, no network, no clock."""
