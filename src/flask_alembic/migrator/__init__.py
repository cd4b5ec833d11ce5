"""The core: the only package that knows Alembic. Returns data and prints nothing."""
