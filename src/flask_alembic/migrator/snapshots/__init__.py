"""Snapshots: what a history leaves in an empty database, as one file that builds it."""
