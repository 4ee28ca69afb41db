"""Postal addresses to province, city, district and street by the table of administrative divisions."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MAX_ADDRESS_CHARS = 256
_NOISE = re.compile(r"[\s,，。;；:：#()（）-]+")
_POSTCODE = re.compile(r"(?<![0-9])[0-9]{6}$")
_COUNTRY = ("中华人民共和国", "中国")
_ENDINGS = (
    "特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "自治州", "自治县", "地区",
    "省", "市", "盟", "区", "县", "旗",
)  # fmt: skip
_NAMELESS = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"})
MIN_SHORT_CHARS = 2


@dataclass(frozen=True, slots=True)
class Address:
    """Divisions by their codes (2, 4 and 6 digits), empty where the address does not tell; `street` is the rest."""

    province: str
    city: str
    district: str
    street: str


@dataclass(frozen=True)
class Divisions:
    """`children` are names to codes under each parent's code (the parent of a province is the empty text), `by_name`
    those that one city, or else one district, has alone."""

    children: Mapping[str, Mapping[str, str]]
    by_name: Mapping[str, str]

    def parse(self, written: str) -> Address | None:
        """The address that was written, None for one that is empty or too long.

        Levels that were left out are filled in when the next one tells: a city has one province, and so has a district
        whose name is found once.
        """
        text = unicodedata.normalize("NFKC", written)
        text = _POSTCODE.sub("", _NOISE.sub("", text)) if len(text) <= MAX_ADDRESS_CHARS else ""
        for country in _COUNTRY:
            text = text.removeprefix(country)
        if not text:
            return None
        code, rest = self._descend(text)
        return Address(code[:2], code[:4], code[:6] if len(code) == 6 else "", rest)

    def _descend(self, text: str) -> tuple[str, str]:
        """The deepest division that the text starts with, and what follows."""
        code, rest = self._step("", text)
        if not code:
            name = _longest(text, self.by_name)
            code, rest = self.by_name.get(name, ""), text.removeprefix(name)
        while code and len(code) < 6:
            below, after = self._step(code, rest)
            if not below:
                below, after = self._step_over(code, rest)
            if not below:
                break
            code, rest = below, after
        return code, rest

    def _step(self, code: str, text: str) -> tuple[str, str]:
        names = self.children.get(code, {})
        name = _longest(text, names)
        return (names[name], text.removeprefix(name)) if name else ("", text)

    def _step_over(self, code: str, text: str) -> tuple[str, str]:
        """A district straight below a province: the city was left out, or has no name of its own."""
        found = {
            below: after
            for city in set(self.children.get(code, {}).values())
            for below, after in [self._step(city, text)]
            if below
        }
        return next(iter(found.items())) if len(found) == 1 else ("", text)


def parse_divisions(lines: Iterable[str]) -> Divisions:
    """The table of lines "code<TAB>name"; lines that start with # are skipped. Raises ValueError on any other line."""
    children: dict[str, dict[str, str]] = defaultdict(dict)
    cities: dict[str, set[str]] = defaultdict(set)
    districts: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        code, name = line.rstrip("\n").split("\t")
        below = children[code[:-2]]
        if name in _NAMELESS:
            below[code] = code
            continue
        for form in {name, _short(name)} - {""}:
            below.setdefault(form, code)
        if len(code) == 4:
            cities[name].add(code)
            cities[_short(name)].add(code)
        elif len(code) == 6:
            districts[name].add(code)
    known = {**_alone(districts), **_alone(cities)}
    return Divisions({code: dict(names) for code, names in children.items()}, known)


def _alone(codes: Mapping[str, set[str]]) -> dict[str, str]:
    return {name: next(iter(found)) for name, found in codes.items() if name and len(found) == 1}


def _short(name: str) -> str:
    """A name without its kind: 江苏 for 江苏省; nothing where too little would be left."""
    for ending in _ENDINGS:
        if name.endswith(ending):
            short = name.removesuffix(ending)
            return short if len(short) >= MIN_SHORT_CHARS else ""
    return ""


def _longest(text: str, names: Mapping[str, object]) -> str:
    """The longest of the names that the text starts with; empty for none."""
    for size in range(min(len(text), _LONGEST_NAME), 1, -1):
        if text[:size] in names:
            return text[:size]
    return ""


_LONGEST_NAME = 20
