"""Comparing models with a database, and writing the revision that reconciles them."""
