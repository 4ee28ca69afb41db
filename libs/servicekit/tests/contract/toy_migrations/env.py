from servicekit.migrations import run
from toy import metadata

run(metadata)
