"""A shop with 25 tables, and ten changes of its models."""
