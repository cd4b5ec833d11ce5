"""How SQLite differs."""
