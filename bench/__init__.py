"""Benches: figures measured beside a gate, or beside a peer, on the machine at hand."""
