"""Batch rebuilds on SQLite that keep everything the table had."""
