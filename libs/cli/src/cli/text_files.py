"""Text files that somebody named."""

from pathlib import Path

from cli.exits import Exit, Refusal


def read_text(path: Path) -> str:
    """UTF-8, with a byte order mark or without. Raises Refusal when it is not."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(
            f"{path} is not UTF-8 (byte {error.start + 1}): save it as UTF-8; spreadsheets call it CSV UTF-8",
            Exit.USAGE,
        ) from error
