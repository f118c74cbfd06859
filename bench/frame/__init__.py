"""The frame that all benches share: gates, repeats, verdicts, the report."""
