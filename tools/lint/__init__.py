"""What `make lint` checks beyond the rules that its tools bring."""
