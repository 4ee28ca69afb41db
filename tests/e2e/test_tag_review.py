"""A tag by the command line: asked for, drafted, reviewed by another key, activated, retired."""

import json
import time
from pathlib import Path
from typing import Any

from cli.exits import Exit
from command import Ended
from suite_process import SuiteProcess
from tenants import READ_AGAIN_S, add_key

REGULAR = """- tag_id: regular
  name: {zh: 常客, en: Regular}
  description: {zh: 常来的人, en: Comes often}
  calculation: {zh: 近90天三单及以上, en: Three orders in 90 days}
  category: value
  type: bool
  layered_rule: {layers: [{when: COUNT(order_paid) IN LAST 90 DAYS >= 3, then: true}], otherwise: false}
"""


class Person:
    """Runs commands with a key of its own, once services have read it."""

    def __init__(self, suite: SuiteProcess, subject: str, *roles: str) -> None:
        self.suite = suite
        self.key = suite.folder.secrets / f"{subject}.key"
        self.key.write_text(add_key(suite, subject, *roles), encoding="ascii")

    def run(self, *arguments: str) -> Ended:
        return self.suite.run("tags", *arguments, "--key", str(self.key), "--json")

    def does(self, *arguments: str) -> Any:
        ended = self.run(*arguments)
        assert ended.returncode == Exit.OK, ended.stderr
        return json.loads(ended.stdout)

    def may_not(self, code: Exit, *arguments: str) -> str:
        ended = self.run(*arguments)
        assert ended.returncode == code, ended.stderr
        return str(json.loads(ended.stdout)["error"]["reason"])


def test_two_people_bring_a_tag_into_force(suite: SuiteProcess, tmp_path: Path) -> None:
    mia, ann = Person(suite, "mia", "marketer"), Person(suite, "ann", "analyst")
    rita = Person(suite, "rita", "analyst", "reviewer")
    time.sleep(READ_AGAIN_S)
    file = tmp_path / "regular.yaml"
    file.write_text(REGULAR)
    wish = mia.does("request", "常客", "--why", "the spring campaign", "--use", "a coupon for them")
    assert mia.may_not(Exit.REFUSED, "accept", wish["tag_request_id"], "--tag", "regular") == "RIGHT_MISSING"
    ann.does("accept", wish["tag_request_id"], "--tag", "regular")
    assert ann.does("requests", "--state", "accepted")["tag_requests"][0]["owner"] == "ann"
    assert ann.may_not(Exit.BAD_DATA, "draft", str(file)) == "CATEGORY_UNKNOWN"
    rita.does("category", "put", "value", "--zh", "价值")
    ann.does("draft", str(file), "--request", wish["tag_request_id"])
    assert ann.does("submit", "regular")["state"] == "TAG_STATE_IN_REVIEW"
    assert ann.may_not(Exit.REFUSED, "review", "regular", "--approve") == "RIGHT_MISSING"
    shown = rita.does("review", "regular")
    assert "kind.layered_rule.layers[0].when" in {each["field"] for each in shown["impact"]["fields"]}
    assert rita.does("review", "regular", "--approve")["draft"]["reviewer"] == "rita"
    assert ann.does("activate", "regular")["version"] == 1
    (stored,) = suite.command("tags", "list")["tags"]
    assert (stored["definition"]["tag_id"], stored["state"]) == ("regular", "TAG_STATE_ACTIVE")
    assert mia.does("requests")["tag_requests"][0]["state"] == "TAG_REQUEST_STATE_FULFILLED"
    assert ann.may_not(Exit.CONFLICT, "retire", "regular", "--reason", "over") == "TAG_STATE"
    ann.does("deprecate", "regular", "--reason", "over")
    assert ann.does("impact", "regular", "--removed")["breaking"]
    assert ann.does("retire", "regular", "--reason", "over")["state"] == "TAG_STATE_RETIRED"
    steps = [each["step"].removeprefix("LIFE_STEP_") for each in mia.does("history", "regular")["entries"]]
    assert steps == [*("REQUEST", "ACCEPT", "EDIT", "SUBMIT", "APPROVE", "ACTIVATE", "DEPRECATE", "RETIRE")]
    assert [each["version"] for each in mia.does("versions", "regular")["versions"]] == [1]
    lives = mia.does("lives", "--state", "retired")["lives"]
    assert [each["tag_id"] for each in lives] == ["regular"]
    ann.does("delete", "regular", "--reason", "a clean table")
    assert ann.does("restore", "regular")["state"] == "TAG_STATE_RETIRED"
    assert ann.does("restore", "regular", "--version", "1")["draft"]["state"] == "TAG_STATE_DRAFT"
    assert ann.does("diff", "regular")["fields"] == []
    names = {each["name"] for each in mia.does("lineage", "regular")["nodes"]}
    assert names == {"regular", "order_paid"}


def test_names_and_keys_within_their_rules(suite: SuiteProcess, tmp_path: Path) -> None:
    rob = Person(suite, "rob", "reviewer")
    time.sleep(READ_AGAIN_S)
    rules = tmp_path / "naming.yaml"
    rules.write_text("rules: [{pattern: 'x_.*', example: x_1, layer: derived}]\nreserved_words: [tmp]\n")
    rob.does("naming", "set", str(rules))
    assert rob.does("naming", "show")["naming_rules"]["reserved_words"] == ["tmp"]
    rules.write_text("rules: [{patern: 'x'}]\n")
    assert rob.run("naming", "set", str(rules)).returncode == Exit.BAD_DATA
    for arguments in (("key", "rob", "--role", "viewer"), ("key", "zoe", "--role", "king")):
        assert suite.run(*arguments).returncode in {Exit.CONFLICT, Exit.USAGE}
