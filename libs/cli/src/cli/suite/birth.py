"""When a process was born: a process id comes again, an id with its birth does not."""

from pathlib import Path

_BIRTH_FIELD = 19
"""Of /proc/<pid>/stat behind the command: the start in clock ticks since boot."""


def birth(pid: int) -> str:
    """Differs between processes that had one id since the machine started; empty where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return f"{boot} {told.rpartition(')')[2].split()[_BIRTH_FIELD]}"
