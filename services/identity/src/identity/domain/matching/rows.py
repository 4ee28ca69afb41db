"""What is known of a key, laid out in the columns that standards/matching.yaml compares."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from identity.domain.matching.addresses import Divisions
from identity.domain.matching.names import NameTables

PLACEHOLDER_DATES = frozenset({"1900-01-01", "1970-01-01", "0001-01-01", "1899-12-30"})
"""What forms and spreadsheets write for an unknown day."""
MIN_STREET_CHARS = 2
RARE_NAME_ROWS = 20
"""A name in at most so many rows is a block of its own; a million people hold thousands of the frequent ones."""
Columns = Mapping[str, Sequence[object]]
Sound = Callable[[str], str]
"""How characters sound, without tones, syllables separated by spaces: 李明 -> li ming."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What sources say of one key, as they say it; empty for nothing. `birth_date` is ISO. Phones and e-mails are in
    normal form: masked and blocked values have none."""

    name: str = ""
    gender: str = ""
    birth_date: str = ""
    address: str = ""
    province: str = ""
    city: str = ""
    phones: Collection[str] = ()
    emails: Collection[str] = ()


@dataclass(frozen=True)
class RowLayout:
    """Turns profiles into rows."""

    names: NameTables
    divisions: Divisions
    sound: Sound

    def columns(self, profiles: Sequence[Profile]) -> Columns:
        """One row per profile, in order; a profile without a usable name has no value anywhere and so no candidate."""
        rows = [self._row(profile) for profile in profiles]
        names = Counter(row["name"] for row in rows if row)
        for row in rows:
            if row and names[row["name"]] <= RARE_NAME_ROWS:
                row["rare_name"] = row["name"]
        return {column: [row.get(column) for row in rows] for column in COLUMNS}

    def _row(self, profile: Profile) -> dict[str, object]:
        name = self.names.parse(profile.name)
        if name is None:
            return {}
        birth_date = "" if profile.birth_date in PLACEHOLDER_DATES else profile.birth_date
        row: dict[str, object] = {
            "name": name.text,
            "surname": name.surname,
            "given": name.given,
            "sound": self.sound(name.text),
            "surname_sound": self.sound(name.surname),
            "given_sound": self.sound(name.given),
            "gender": profile.gender,
            "birth_date": birth_date,
            "month_day": birth_date[5:],
            "year": birth_date[:4],
            "phones": sorted(profile.phones),
            "emails": sorted(profile.emails),
            "email": min(profile.emails, default=""),
            **self._place(profile),
        }
        return {column: value for column, value in row.items() if value}

    def _place(self, profile: Profile) -> dict[str, object]:
        place = self.divisions.parse(profile.address)
        if place is None or not place.province:
            place = self.divisions.parse(profile.province + profile.city) or place
        if place is None:
            return {}
        street = place.street if len(place.street) >= MIN_STREET_CHARS else ""
        return {
            "province": place.province,
            "city": place.city if len(place.city) == 4 else "",
            "district": place.district,
            "street": street,
            "address": f"{place.district or place.city}{street}" if street else "",
        }


COLUMNS = (
    "name", "rare_name", "surname", "given", "sound", "surname_sound", "given_sound", "gender",
    "birth_date", "month_day", "year", "phones", "emails", "email",
    "province", "city", "district", "street", "address",
)  # fmt: skip
