"""What is known of a person, as one archive that the person can read."""

import json
import os
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

README = """\
This archive holds all that is kept of person {person_id}, as of {moment}.

{files}

Every file is JSON: a list of rows by section. Times are RFC 3339; numbers of events and tags are
the value times 10,000.
"""


def write_archive(
    path: Path, person_id: int, data: dict[str, dict[str, list[Any]]], moment: datetime
) -> dict[str, int]:
    """Writes a zip with one JSON file per service and a README, readable by its owner alone; returns the rows of each
    service. Raises FileExistsError rather than overwrite one."""
    counts = {service: sum(map(len, sections.values())) for service, sections in data.items()}
    files = "\n".join(
        f"{service}.json: " + ", ".join(f"{len(rows)} {section}" for section, rows in sections.items())
        for service, sections in data.items()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        text = README.format(person_id=person_id, moment=moment.isoformat(timespec="seconds"), files=files)
        archive.writestr("README.txt", text)
        for service, sections in data.items():
            archive.writestr(f"{service}.json", json.dumps(sections, ensure_ascii=False, indent=2))
    return counts
