"""`huaxiang import --bulk` against a started suite: the command is killed in the middle, then identity is."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from cli.exits import Exit
from suite_process import SuiteProcess, suite_process

ROWS, PER_MESSAGE = 5_400, 5_000
WITHIN_S = 120.0
HEADER = ("会员号", "手机", "姓名", "短信", "更新时间")
MAPPING = """
source: crm
record_id: ["=member", 会员号]
time: 更新时间
identifiers:
  - {namespace: member_id, column: 会员号}
  - {namespace: phone, column: 手机}
attributes: {name: 姓名}
contact_points:
  - {channel: sms, column: 手机}
consents:
  - {purpose: marketing, channel: sms, address: 手机, granted: {column: 短信, values: ["是"]}}
"""


def write_members(path: Path) -> None:
    """Of every hundred rows one has a masked phone, one the phone of the row before, one a time that is none."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for number in range(ROWS):
            kind = number % 100
            phone = "139****0003" if kind == 3 else f"139{number - (kind == 7):08d}"
            moment = "soon" if kind == 5 else "2026-04-01 12:00:00"
            rows.writerow((f"M{number:06d}", phone, "王小明", "是" if number % 2 else "否", moment))
    path.with_suffix(".yaml").write_text(MAPPING, encoding="utf-8")


def importing(suite: SuiteProcess, file: Path, *options: str) -> "subprocess.Popen[str]":
    return suite.process("import", str(file), "--json", *options)


def told(command: "subprocess.Popen[str]") -> dict[str, Any]:
    """What an import says in the end, but for how long it took and how far the suite is."""
    said, problems = command.communicate(timeout=WITHIN_S)
    assert command.returncode == Exit.BAD_DATA, problems
    result = json.loads(said)
    return {name: value for name, value in result.items() if name not in {"seconds", "revision"}}


def rejected(file: Path) -> list[str]:
    return file.with_name(f"{file.name}.rejects.csv").read_text(encoding="utf-8-sig").splitlines()


def test_an_import_outlives_the_command_and_the_service(tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    journal = file.with_name(f"{file.name}.import.json")
    write_members(file)
    with suite_process(tmp_path / "suite", "--no-sandbox") as suite:
        killed = importing(suite, file, "--bulk")
        deadline = time.monotonic() + WITHIN_S
        while not journal.exists():
            assert killed.poll() is None, killed.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        assert json.loads(journal.read_text())["rows"] >= PER_MESSAGE * 9 // 10

        again = importing(suite, file, "--bulk")
        suite.kill("identity")
        result, rejects = told(again), rejected(file)
        broken = ROWS // 100
        assert (result["rows"], result["accepted"], result["broken"]) == (ROWS, ROWS - broken, broken)
        assert len(rejects) == len(set(rejects)) == 1 + sum(result["reasons"].values())

        once_more = told(importing(suite, file, "--bulk"))
        assert (once_more, rejected(file)) == (result, rejects)

        singly = told(importing(suite, file))
        assert (singly["accepted"], singly["repeated"]) == (0, ROWS - broken)
        assert sorted(rejected(file)) == sorted(rejects)
        person = suite.command("portrait", "member_id=M000001")["person_id"]
        assert suite.command("portrait", "phone=13900000001")["person_id"] == person
