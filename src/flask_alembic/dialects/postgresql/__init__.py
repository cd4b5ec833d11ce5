"""How PostgreSQL differs."""
