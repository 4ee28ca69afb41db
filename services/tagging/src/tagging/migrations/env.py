"""Alembic's entry."""

from servicekit.migrations import run
from tagging.store.schema import metadata

run(metadata)
