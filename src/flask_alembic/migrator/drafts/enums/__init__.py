"""Enumerations: values added, removed and renamed on each system."""
