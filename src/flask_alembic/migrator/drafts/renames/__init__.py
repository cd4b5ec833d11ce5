"""Renames: pairs of drop and add that may be one object with a new name."""
