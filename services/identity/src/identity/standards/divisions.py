"""Derives the packaged table of administrative divisions: `python -m identity.standards.divisions <folder>`, where the
folder holds provinces.csv, cities.csv and areas.csv of the data set "Administrative divisions of China" (MIT licence).
"""

import csv
import sys
from pathlib import Path

TABLE = Path(__file__).with_name("divisions.tsv")
HEADER = """\
# Administrative divisions of China: provinces (2 digits), cities (4) and districts (6), each after its parent's code.
# Derived from provinces.csv, cities.csv and areas.csv of a public data set under the MIT licence: code and name only.
"""


def derive(folder: Path) -> str:
    """The text of divisions.tsv."""
    rows: list[tuple[str, str]] = []
    for name in ("provinces.csv", "cities.csv", "areas.csv"):
        with (folder / name).open(encoding="utf-8-sig", newline="") as file:
            rows += [(row["code"], row["name"]) for row in csv.DictReader(file)]
    return HEADER + "".join(f"{code}\t{name}\n" for code, name in sorted(rows))


if __name__ == "__main__":
    TABLE.write_text(derive(Path(sys.argv[1])), encoding="utf-8")
