from identity.store.schema import metadata
from servicekit.migrations import run

run(metadata)
