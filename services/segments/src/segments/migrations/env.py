"""Alembic's entry."""

from segments.store.schema import metadata
from servicekit.migrations import run

run(metadata)
