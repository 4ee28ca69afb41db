"""Portrait templates from the command line: kept, shown, read by, deleted."""

from datetime import UTC, datetime
from pathlib import Path

from cli.exits import Exit
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from said import ingest, record
from suite_process import SuiteProcess

NOW = datetime(2026, 6, 30, 3, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs"


async def test_the_template_of_the_page_arranges_and_describes(suite: SuiteProcess, tmp_path: Path) -> None:
    suite.command("tags", "apply")
    records = [
        record("pos", f"o{n}", NOW, {"member_id": "M1"}, "order_paid", {"amount": 10_000}) for n in range(3)
    ]
    async with suite.channel("identity") as channel:
        await ingest(IngestServiceStub(channel), records)
    suite.command("tags", "run")
    file = tmp_path / "desk.yaml"
    page = (DOCS / "portraits.md").read_text(encoding="utf-8")
    file.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    kept = suite.command("templates", "put", str(file))["templates"][0]
    assert kept["template_id"] == "service_desk"
    assert [each["template_id"] for each in suite.command("templates", "list")["templates"]] == [
        "service_desk"
    ]
    shown = suite.run("templates", "show", "service_desk")
    file.write_text(shown.stdout, encoding="utf-8")
    assert suite.command("templates", "put", str(file))["templates"][0]["etag"] == kept["etag"]

    said = suite.command("portrait", "member_id=M1", "--template", "service_desk", "--lang", "en")
    assert list(said["tags"])[:1] == ["rfm_class"]
    assert "comes often" in said["description"]
    assert "comes often" in said["reasons"]
    drawn = suite.run("portrait", "member_id=M1", "--template", "service_desk", "--lang", "zh")
    assert drawn.returncode == Exit.OK, drawn.stderr
    for text in ("常来", "价值 Value", "忠诚客户 Loyal customers"):
        assert text in drawn.stdout

    assert suite.command("templates", "delete", "service_desk")["deleted"]
    assert suite.run("portrait", "member_id=M1", "--template", "service_desk").returncode != Exit.OK
    assert suite.run("portrait", "member_id=M1", "--lang", "fr").returncode == Exit.USAGE
    file.write_text("- {template_id: Bad}", encoding="utf-8")
    assert suite.run("templates", "put", str(file)).returncode == Exit.BAD_DATA
