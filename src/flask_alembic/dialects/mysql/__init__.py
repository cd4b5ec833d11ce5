"""How MariaDB and MySQL differ."""
