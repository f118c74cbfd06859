"""What was used and, later, what it costs: records, prices and budgets; no I/O, no clock."""
