"""The regular expressions of MATCHES: the subset that RE2, Python and Java read alike.

Allowed: characters, `.`, `^`, `$`, `|`, groups `( )` and `(?: )`, classes `[a-z]` and `[^a-z]`, the repeats
`* + ? {n} {n,} {n,m}` (lazily too), `\\n`, `\\t` and a backslash before punctuation. A text matches when the
expression is found anywhere in it. A repeat without an upper end may only repeat something of fixed length
without alternatives. That is not enough to keep an engine that goes back from taking for ever, `(a?){30}b` on
thirty a's: use one that does not (RE2), or one with a time limit.
"""

import string
from dataclasses import dataclass

MAX_PATTERN = 200
MAX_REPEAT = 100
MAX_NESTED_REPEAT = 1_000
_PUNCTUATION = frozenset(string.punctuation)
_REFUSED_ESCAPES = {
    "d": "write [0-9]",
    "w": "write [A-Za-z0-9_]",
    "s": "write the space itself",
    "b": "write the characters that may stand there",
}


class PatternError(ValueError):
    """Carries the offset in the pattern where reading stopped, and what to write instead."""

    def __init__(self, message: str, offset: int, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a part means for a repeat around it."""

    variable: bool = False  # matches texts of different length, or has alternatives
    repeats: int = 1  # the largest product of bounded repeats inside
    repeatable: bool = True


def check_pattern(pattern: str) -> None:
    """Raises PatternError unless the three engines read the pattern alike."""
    if not pattern:
        raise PatternError("the pattern is empty", 0)
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"the pattern has more than {MAX_PATTERN} characters", MAX_PATTERN)
    reader = _Reader(pattern)
    reader.alternatives()
    if reader.at < len(pattern):
        raise PatternError("this bracket was never opened", reader.at, "write \\) for the character")


def portable(pattern: str) -> str:
    """The checked pattern as given to every engine: `.` is everything but a newline, in Java too."""
    out: list[str] = []
    in_class = escaped = False
    for each in pattern:
        if escaped:
            escaped = False
        elif each == "\\":
            escaped = True
        elif each == "." and not in_class:
            out.append("[^\\n]")
            continue
        elif each in "[]":
            in_class = each == "["
        out.append(each)
    return "".join(out)


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def alternatives(self) -> _Shape:
        shape = self.run()
        while self.peek() == "|":
            self.at += 1
            other = self.run()
            shape = _Shape(variable=True, repeats=max(shape.repeats, other.repeats))
        return shape

    def run(self) -> _Shape:
        variable, repeats = False, 1
        while self.peek() and self.peek() not in "|)":
            part = self.repeated(self.part())
            variable, repeats = variable or part.variable, max(repeats, part.repeats)
        return _Shape(variable, repeats)

    def part(self) -> _Shape:
        start, each = self.at, self.peek()
        self.at += 1
        match each:
            case "(":
                return self.group(start)
            case "[":
                self.character_class(start)
            case "\\":
                self.escape()
            case "^" | "$":
                return _Shape(repeatable=False)
            case "*" | "+" | "?" | "{":
                raise PatternError(f"there is nothing for '{each}' to repeat", start, f"write \\{each}")
            case "]" | "}":
                raise PatternError(f"'{each}' closes nothing", start, f"write \\{each} for the character")
        return _Shape()

    def group(self, start: int) -> _Shape:
        if self.peek() == "?":
            if not self.pattern.startswith("?:", self.at):
                raise PatternError("flags, named groups and look-around differ between engines", start)
            self.at += 2
        shape = self.alternatives()
        if self.peek() != ")":
            raise PatternError("this bracket is never closed", start, "write \\( for the character")
        self.at += 1
        return shape

    def escape(self) -> None:
        each = self.peek()
        if each not in _PUNCTUATION | {"n", "t"}:
            hint = _REFUSED_ESCAPES.get(each.lower(), "a backslash goes before punctuation only")
            raise PatternError(f"'\\{each}' differs between engines", self.at - 1, hint)
        self.at += 1

    def character_class(self, start: int) -> None:
        if self.peek() == "^":
            self.at += 1
        first = self.at
        while self.peek() != "]":
            low = self.class_character(start, first)
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in {"]", ""}:
                self.at += 1
                high = self.class_character(start, first)
                if high < low:
                    raise PatternError(f"the range {low}-{high} runs backwards", self.at)
        if self.at == first:
            raise PatternError("this class is empty", start, "write \\] for the character")
        self.at += 1

    def class_character(self, start: int, first: int) -> str:
        each = self.peek()
        if not each:
            raise PatternError("this class is never closed", start, "write \\[ for the character")
        if each == "[" or (
            each == "-" and self.at != first and self.pattern[self.at + 1 : self.at + 2] != "]"
        ):
            raise PatternError(f"'{each}' in a class differs between engines", self.at, f"write \\{each}")
        if each in "&|~-" and self.pattern[self.at + 1 : self.at + 2] == each:
            raise PatternError(
                f"'{each}{each}' in a class differs between engines", self.at, f"write \\{each}"
            )
        self.at += 1
        if each != "\\":
            return each
        escaped = self.peek()
        self.escape()
        return {"n": "\n", "t": "\t"}.get(escaped, escaped)

    def repeated(self, part: _Shape) -> _Shape:
        start = self.at
        bounds = self.bounds()
        if bounds is None:
            return part
        low, high = bounds
        if not part.repeatable:
            raise PatternError("^ and $ cannot be repeated", start)
        if self.peek() == "?":
            self.at += 1
        if self.peek() and self.peek() in "*+?{":
            raise PatternError("two repeats follow each other", self.at, "put a group around the first")
        if high is None and part.variable:
            message = "an unlimited repeat around alternatives or another repeat can take for ever"
            raise PatternError(message, start, "give it an upper end: {0,20}")
        repeats = part.repeats * max(low, high or 1)
        if repeats > MAX_NESTED_REPEAT:
            raise PatternError(f"the repeats inside each other exceed {MAX_NESTED_REPEAT}", start)
        return _Shape(variable=part.variable or low != high, repeats=repeats)

    def bounds(self) -> tuple[int, int | None] | None:
        each = self.peek()
        if each and each in "*+?":
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[each]
        if each != "{":
            return None
        start = self.at
        end = self.pattern.find("}", start)
        low, comma, high = self.pattern[start + 1 : end].partition(",") if end > 0 else ("", "", "")
        numbers = [each for each in (low, high) if each]
        if not low or not all(each.isascii() and each.isdigit() for each in numbers):
            raise PatternError("a repeat is {n}, {n,} or {n,m}", start, "write \\{ for the character")
        if max(int(each) for each in numbers) > MAX_REPEAT or (high and int(high) < int(low)):
            raise PatternError(f"a repeat goes from n to m, at most {MAX_REPEAT}", start)
        self.at = end + 1
        return int(low), int(high) if high else (None if comma else int(low))
