"""What the pages in docs/ tell readers to run does what they say: their examples are run as they stand."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.exits import Exit
from command import huaxiang
from suite_process import SuiteProcess
from tenants import READ_AGAIN_S, STORY_ENDS, tenant_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WITHIN_S = 120


@pytest.fixture(scope="module")
def suite(shared: SuiteProcess) -> SuiteProcess:
    """As its default tenant, for whom `huaxiang key` makes keys."""
    return shared


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language; "shell" stands for indented ones."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if language == "shell":
        return re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def here(text: str, suite: SuiteProcess) -> str:
    """An example with the folder and the ports of this suite in the place of the default ones."""
    text = text.replace("var/huaxiang", str(suite.folder.root))
    return re.sub(
        r"127\.0\.0\.1:71(\d\d)", lambda found: f"127.0.0.1:{suite.base_port + int(found[1])}", text
    )


def printed(program: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_first_page_finds_people_and_shows_one_of_them(shared: SuiteProcess, tmp_path: Path) -> None:
    found, other = (use_it(name) for name in ("README.md", "README.zh-CN.md"))
    assert found == other
    assert found[0] == "make setup"
    assert found[2].endswith(f" up --detach --now {STORY_ENDS}")
    suite = tenant_of(shared, "readers")
    environment = {**os.environ, "HUAXIANG_FOLDER": str(suite.folder.root)}
    said = [
        subprocess.run(
            ["bash", "-c", line.replace(".venv/bin/huaxiang", f"{shlex.quote(sys.executable)} -m cli")],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in [found[1], *found[3:-1]]
    ]
    people = re.search(r"The preview finds (\d+) people", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert people is not None
    assert said[-3].startswith(f"{people[1]} of "), said[-3]
    shown = re.match(r"person (\d+) \(member\)", said[-2])
    assert shown is not None, said[-2]
    sample = suite.command("segments", "preview", shlex.split(found[-4])[-1], "--sample", "100")
    assert shown[1] in sample["sample_person_ids"]


def use_it(page: str) -> list[str]:
    """The commands of the README's block that starts with the set-up."""
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(r"^    make setup\n(?:    .*\n)+", text, re.MULTILINE)
    assert block is not None
    return [line.strip() for line in block[0].splitlines()]


def test_a_record_in_and_its_portrait_out(suite: SuiteProcess) -> None:
    (program,) = blocks("api.md", "python")
    said = re.search(r"It prints `(.+?)`", (DOCS / "api.md").read_text(encoding="utf-8"))
    assert said is not None
    assert printed(here(program, suite)).strip() == said[1]
    assert printed(here(program, suite)).strip() == said[1]


def test_a_key_of_ones_own_works_within_a_second(suite: SuiteProcess) -> None:
    (making,) = [block for block in blocks("api.md", "shell") if "key_sha256" in block]
    made = subprocess.run(
        ["bash", "-ceu", here(making, suite) + "\nsleep 1.1\nprintf %s $key"],
        capture_output=True,
        text=True,
        check=True,
    )
    (program,) = blocks("api.md", "python")
    with_it = re.sub(
        r"^key = .*$", f"key = {made.stdout.strip()!r}", here(program, suite), flags=re.MULTILINE
    )
    assert "order_paid" in printed(with_it)


def test_the_example_of_an_import(suite: SuiteProcess, tmp_path: Path) -> None:
    file = tmp_path / "visits.csv"
    exported, rejects, *_ = blocks("importing.md", "csv")
    file.write_text(exported, encoding="utf-8")
    mapping, *_ = blocks("importing.md", "yaml")
    (tmp_path / "visits.yaml").write_text(mapping, encoding="utf-8")
    for option in (["--dry-run"], []):
        ended = suite.run("import", str(file), *option)
        assert ended.returncode == Exit.BAD_DATA, ended.stderr
    assert "3 accepted" in ended.stdout
    assert (tmp_path / "visits.csv.rejects.csv").read_text(encoding="utf-8-sig") == rejects
    found = suite.command("portrait", "member_id=M1")
    assert found["attributes"]["member_level"] == "gold"
    assert found["timeline"][0]["properties"]["amount"] == 199.9


def test_the_example_of_a_campaign(suite: SuiteProcess, tmp_path: Path) -> None:
    rows = "".join(
        f"G{number},G{number},138000010{number:02},S1,9,{STORY_ENDS[:10]} 09:00,金卡,是\n"
        for number in range(20)
    )
    file = tmp_path / "visits.csv"
    file.write_text(blocks("importing.md", "csv")[0].splitlines()[0] + "\n" + rows, encoding="utf-8")
    (tmp_path / "visits.yaml").write_text(blocks("importing.md", "yaml")[0], encoding="utf-8")
    suite.command("import", str(file))
    suite.command("segments", "create", "buyers", "--rule", "COUNT(order_paid) >= 1")
    snapshot = suite.command("segments", "snapshot", "buyers")
    (program,) = blocks("campaigns.md", "python")
    said = printed(
        here(program, suite).replace('snapshot_id = "..."', f"snapshot_id = {snapshot['snapshot_id']!r}")
    )
    assert "FAILED" not in said
    assert f"planned: {snapshot['count']}" in said
    assert "accepted:" in said


def test_a_tag_as_the_page_defines_reviews_and_watches_it(suite: SuiteProcess, tmp_path: Path) -> None:
    (tmp_path / "visits.csv").write_text(blocks("importing.md", "csv")[0], encoding="utf-8")
    (tmp_path / "visits.yaml").write_text(blocks("importing.md", "yaml")[0], encoding="utf-8")
    suite.run("import", str(tmp_path / "visits.csv"))
    regular, kinds, *_ = blocks("tags.md", "yaml")
    (tmp_path / "regular.yaml").write_text(regular, encoding="utf-8")
    (tmp_path / "kinds.yaml").write_text(kinds, encoding="utf-8")
    (tmp_path / "scores.csv").write_text(*blocks("tags.md", "csv"), encoding="utf-8")
    environment = {"HUAXIANG_FOLDER": str(suite.folder.root)}
    said = {}
    told = [line for block in blocks("tags.md", "shell") for line in block.splitlines()]
    for line in [each for each in told if each.startswith("    huaxiang ")]:
        arguments = shlex.split(here(line, suite))[1:]
        if "REQUEST_ID" in arguments:
            wish = suite.command("tags", "requests")["tag_requests"][0]["tag_request_id"]
            arguments = [wish if each == "REQUEST_ID" else each for each in arguments]
        ended = huaxiang(*arguments, environment=environment, cwd=tmp_path)
        assert ended.returncode == Exit.OK, (line, ended.stderr)
        if arguments[0] == "key":
            time.sleep(READ_AGAIN_S)
        said[" ".join(line.split()[:3])] = ended.stdout
    assert "2 stored" in said["huaxiang tags import-values"]
    assert "retired" in said["huaxiang tags history"]
    assert "rfm_class" in said["huaxiang tags lineage"]
    (stored,) = suite.command("tags", "lives", "--state", "retired")["lives"]
    assert (stored["tag_id"], stored["version"]) == ("regular", 1)
