"""Commands that are printed to be pasted: the program as it was called, its words quoted where a shell asks for it."""

import shlex
import shutil
import sys
from pathlib import Path

PROGRAM = "huaxiang"
_LIVE_IN_QUOTES = frozenset('"$`\\!')


def to_paste(*words: object) -> str:
    """One line for a shell: the program, then `words`."""
    return " ".join([_program(), *(_quoted(str(word)) for word in words)])


def _program() -> str:
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{_quoted(sys.executable)} -m cli"
    if called.name != PROGRAM:
        return PROGRAM
    found = shutil.which(PROGRAM)
    on_the_path = found is not None and Path(found).absolute() == called.absolute()
    return PROGRAM if on_the_path else _quoted(sys.argv[0])


def _quoted(word: str) -> str:
    """Rules hold single quotes, so they stand in double ones where nothing in them is alive there."""
    if "'" in word and not _LIVE_IN_QUOTES & set(word):
        return f'"{word}"'
    return shlex.quote(word)
