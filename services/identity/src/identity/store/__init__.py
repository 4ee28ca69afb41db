"""Where identity keeps things: ports, and their adapters on SQLAlchemy for SQLite and Postgres."""
