"""What the tests share: databases on real servers, and applications in a folder."""
