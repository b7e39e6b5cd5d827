"""A real PostgreSQL that the tests start by themselves."""
