"""Alembic's entry."""

from activation.store.schema import metadata
from servicekit.migrations import run

run(metadata)
