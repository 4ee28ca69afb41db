"""When a process was born: a process id comes again, an id with its birth does not."""

from pathlib import Path

_STATE_FIELD, _START_FIELD = 0, 19
"""Of /proc/<pid>/stat behind the command: the state, and the start in clock ticks since boot."""
_ENDED = "Z"


def birth(pid: int) -> str:
    """Differs between processes that had one id since the machine started; empty for a process that has ended, and
    where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    fields = told.rpartition(")")[2].split()
    return "" if fields[_STATE_FIELD] == _ENDED else f"{boot} {fields[_START_FIELD]}"
