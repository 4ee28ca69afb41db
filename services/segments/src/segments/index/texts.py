"""A column's texts: each has a code, and none ever loses it."""


class Texts:
    """Grows only. Versions of a column share one: an older version knows no code of a newer text."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._texts: list[str] = []

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, code: int) -> str:
        return self._texts[code]

    def code(self, text: str) -> int:
        """The text's code, a new one for a new text."""
        found = self._codes.get(text)
        if found is None:
            found = len(self._texts)
            self._texts.append(text)
            self._codes[text] = found
        return found

    def known(self, text: str) -> int | None:
        """The text's code; None when no person ever had it."""
        return self._codes.get(text)

    def all(self) -> list[str]:
        """In order of code, as of now."""
        return self._texts[:]
