"""What accompanies a run: locks, limits, retries, the journal, records, dry runs."""
