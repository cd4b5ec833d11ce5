"""Trying a draft on a scratch database."""
