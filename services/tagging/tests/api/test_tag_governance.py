"""Versions, the recycle bin, impact, lineage, categories and names over a real channel."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from huaxiang.tagging.v1 import (
    category_service_pb2,
    draft_service_pb2,
    feature_service_pb2,
    naming_rule_service_pb2,
    tag_life_service_pb2,
    tag_pb2,
    tag_service_pb2,
    tag_use_service_pb2,
    tag_version_service_pb2,
)
from tag_desk import Desk, Office, definition, refused

ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid) IN LAST 90 DAYS}"
SPENT = "{tag_id: spent, name: x, type: number, statistic: SUM(order_paid.amount) IN LAST 90 DAYS}"
TIER = """{tag_id: tier, name: x, category: value/rank, type: {base: text, closed: true, options: [gold, silver]},
    layered_rule: {layers: [{when: orders >= 5, then: gold}], otherwise: silver}}"""
VIP = "{tag_id: vip, name: x, type: bool, layered_rule: {layers: [{when: tier = 'gold' AND spent > 9, then: true}]}}"
SEGMENT = tag_use_service_pb2.TAG_USER_KIND_SEGMENT
CAMPAIGN = tag_use_service_pb2.TAG_USER_KIND_CAMPAIGN


async def report(office: Office, consumer: str, *uses: dict[str, Any]) -> None:
    message = tag_use_service_pb2.ReportTagUseRequest(consumer=consumer, uses=uses)
    await office.service.uses.ReportTagUse(message)


async def impact(desk: Desk, **change: Any) -> Any:
    return await desk.uses.CheckImpact(tag_use_service_pb2.CheckImpactRequest(**change))


async def into_force(office: Office, document: str, **said: Any) -> Any:
    """Written by the analyst, documented, approved by the reviewer."""
    message = definition(document)
    message.name.en = "x"
    for text in (message.description, message.calculation):
        text.zh, text.en = "x", "x"
    await office.analyst.drafts.PutDraft(draft_service_pb2.PutDraftRequest(definition=message))
    await office.analyst.take("SubmitDraft", message.tag_id)
    await office.reviewer.approve(message.tag_id)
    return await office.analyst.take("ActivateDraft", message.tag_id, **said)


# ------------------------------------------------------------------------------------------------ versions


async def test_an_earlier_version_comes_back_as_a_draft(office: Office) -> None:
    await into_force(office, ORDERS)
    await into_force(office, ORDERS.replace("90", "30"))
    listed = await office.analyst.versions.ListTagVersions(
        tag_version_service_pb2.ListTagVersionsRequest(tag_id="orders", page_size=1)
    )
    assert [(each.version, each.subject, each.reviewer) for each in listed.versions] == [
        (2, "analyst-t1", "reviewer-t1")
    ]
    older = await office.analyst.versions.ListTagVersions(
        tag_version_service_pb2.ListTagVersionsRequest(
            tag_id="orders", page_size=1, page_token=listed.next_page_token
        )
    )
    assert ([each.version for each in older.versions], older.next_page_token) == ([1], "")
    request = tag_version_service_pb2.RestoreTagVersionRequest(tag_id="orders", version=1, reason="was right")
    life = (await office.analyst.versions.RestoreTagVersion(request)).life
    assert life.draft.definition.statistic.expression == "COUNT(order_paid) IN LAST 90 DAYS"
    assert (life.state, life.draft.base_version) == (tag_pb2.TAG_STATE_ACTIVE, 2)
    assert (await refused(office.analyst.versions.RestoreTagVersion(request)))[1] == "TAG_STATE"
    diff = await office.analyst.versions.DiffTagVersions(
        tag_version_service_pb2.DiffTagVersionsRequest(tag_id="orders")
    )
    assert [each.field for each in diff.fields] == ["kind.statistic.expression"]
    request.version = 9
    assert (await refused(office.analyst.versions.RestoreTagVersion(request)))[0] == "NOT_FOUND"


async def test_a_change_of_texts_keeps_the_version_and_an_equal_draft_changes_nothing(office: Office) -> None:
    await office.admin.apply(ORDERS)
    life = await into_force(office, ORDERS)
    assert life.version == 1
    assert (await office.analyst.tag("orders")).definition.calculation.en == "x"
    before = (await office.analyst.tag("orders")).etag
    await into_force(office, ORDERS + " ")
    assert (await office.analyst.tag("orders")).etag == before


# ------------------------------------------------------------------------------------------------- the bin


async def test_a_deleted_draft_is_restored_and_after_thirty_days_it_is_not(office: Office) -> None:
    await office.analyst.put(ORDERS)
    mute = office.analyst.take("DeleteTag", "orders")
    assert (await refused(mute))[2]["field"] == "reason"
    life = await office.analyst.take("DeleteTag", "orders", reason="a slip")
    kept = life.deletion.purge_time.ToDatetime() - life.deletion.delete_time.ToDatetime()
    assert (life.state, kept) == (tag_pb2.TAG_STATE_DELETED, dt.timedelta(days=30))
    assert (await refused(office.analyst.put(ORDERS)))[1] == "TAG_STATE"
    listed = await office.analyst.lives.ListTagLives(tag_life_service_pb2.ListTagLivesRequest())
    assert [each.tag_id for each in listed.lives] == []
    life = await office.analyst.take("RestoreTag", "orders")
    assert (life.state, life.draft.definition.tag_id) == (tag_pb2.TAG_STATE_DRAFT, "orders")
    await office.analyst.take("DeleteTag", "orders", reason="after all")
    office.clock.advance(dt.timedelta(days=29))
    await office.bin.look()
    assert (await office.analyst.life("orders")).state == tag_pb2.TAG_STATE_DELETED
    office.clock.advance(dt.timedelta(days=1))
    assert (await refused(office.analyst.take("RestoreTag", "orders")))[1] == "TAG_STATE"
    await office.bin.look()
    assert (await refused(office.analyst.life("orders")))[0] == "NOT_FOUND"
    assert [step for step, *_ in await office.analyst.history(tag_id="orders")] == [
        *("edit", "delete", "restore", "delete", "purge")
    ]
    assert (await office.analyst.put(ORDERS)).state == tag_pb2.TAG_STATE_DRAFT


async def test_whoever_names_a_period_is_told_before_it_goes(office: Office) -> None:
    """Through a tag is not by name."""
    summer = "{tag_id: summer, name: x, type: number, statistic: COUNT(order_paid) DURING '618-2026'}"
    both = """{tag_id: both, name: x, type: bool, layered_rule: {layers: [{when: orders >= 5 AND DID order_paid
        DURING 'double11-2025' AND COUNT(view_item) DURING '618-2026' > 0, then: true}]}}"""
    later = "{tag_id: later, name: x, type: bool, layered_rule: {layers: [{when: summer > 5, then: true}]}}"
    await office.admin.apply(ORDERS, summer, both, later)
    asked = tag_use_service_pb2.ListPeriodUsesRequest(periods=["618-2026", "sale", "double11-2025"])
    found = await office.analyst.uses.ListPeriodUses(asked)
    assert [(each.period, list(each.tag_ids)) for each in found.uses] == [
        ("618-2026", ["both", "summer"]),
        ("sale", []),
        ("double11-2025", ["both"]),
    ]
    asked = tag_use_service_pb2.ListPeriodUsesRequest()
    assert (await refused(office.analyst.uses.ListPeriodUses(asked)))[1] == "INVALID_FIELD"


async def test_what_files_lose_goes_to_the_bin_and_versions_go_on(office: Office) -> None:
    await office.admin.apply(ORDERS, SPENT)
    await office.admin.apply(ORDERS.replace("90", "30"), SPENT)
    await office.admin.apply(SPENT, delete_missing=True, reason="not in the files any more")
    life = await office.analyst.life("orders")
    assert (life.state, life.version) == (tag_pb2.TAG_STATE_DELETED, 2)
    forbidden = office.analyst.take("RestoreTag", "orders")
    assert (await refused(forbidden))[1] == "STEP_FORBIDDEN"
    life = await office.admin.take("RestoreTag", "orders")
    tag = await office.analyst.tag("orders")
    assert (life.state, tag.version, tag.definition.statistic.expression[-7:]) == (
        tag_pb2.TAG_STATE_ACTIVE,
        2,
        "30 DAYS",
    )
    await office.admin.apply(SPENT, delete_missing=True)
    await office.admin.apply(ORDERS)
    assert (await office.analyst.tag("orders")).version == 3


async def test_a_tag_that_was_in_force_comes_back_only_while_its_definition_holds(office: Office) -> None:
    await office.admin.apply(ORDERS, TIER)
    await office.admin.take("DeleteTag", "tier", reason="x")
    await office.admin.take("DeleteTag", "orders", reason="x")
    code, reason, metadata = await refused(office.admin.take("RestoreTag", "tier"))
    assert (code, reason, metadata["problem"]) == (
        "INVALID_ARGUMENT",
        "RULE_INVALID",
        "there is no tag 'orders'",
    )
    await office.admin.take("RestoreTag", "orders")
    assert (await office.admin.take("RestoreTag", "tier")).state == tag_pb2.TAG_STATE_ACTIVE


# -------------------------------------------------------------------------------------------------- impact


async def test_impact_tells_tags_segments_and_campaigns(office: Office) -> None:
    await office.admin.apply(ORDERS, SPENT, TIER, VIP)
    await report(office, "segments", {"kind": SEGMENT, "name": "rich", "tag_ids": ["vip"]})
    await report(office, "activation", {"kind": CAMPAIGN, "name": "spring", "segments": ["rich"]})
    found = await impact(office.marketer, removed_tag_id="orders")
    assert (list(found.tag_ids), list(found.segments), list(found.campaigns), found.breaking) == (
        ["tier", "vip"],
        ["rich"],
        ["spring"],
        True,
    )
    assert dict(found.broken).keys() == {"tier"}
    added = definition(TIER.replace("gold, silver", "gold, silver, bronze"))
    told = await impact(office.marketer, definition=added)
    assert (told.breaking, [each.field for each in told.fields]) == (False, ["type.options[2].value"])
    await report(office, "segments")
    assert list((await impact(office.marketer, removed_tag_id="orders")).campaigns) == []
    assert (await refused(impact(office.marketer)))[2]["field"] == "change"
    assert (await refused(impact(office.marketer, activated_tag_id="vip")))[0] == "NOT_FOUND"


async def test_a_list_that_gets_shorter_needs_force_while_a_segment_names_the_tag(office: Office) -> None:
    await office.admin.apply(ORDERS, TIER)
    await report(office, "segments", {"kind": SEGMENT, "name": "rich", "tag_ids": ["tier"]})
    shorter = TIER.replace("[gold, silver]", "[gold]").replace(", otherwise: silver", "")
    told = await impact(office.analyst, definition=definition(shorter))
    assert (list(told.lost_values), told.breaking) == (["silver"], True)
    assert (await refused(office.admin.apply(ORDERS, shorter)))[1:] == (
        "TAG_IN_USE",
        {"tag_id": "tier", "used_by": "segment rich"},
    )
    assert (await refused(into_force(office, shorter)))[1] == "TAG_IN_USE"
    assert (await office.analyst.tag("tier")).version == 1
    life = await office.analyst.life("tier")
    assert (life.state, life.draft.state) == (tag_pb2.TAG_STATE_ACTIVE, tag_pb2.TAG_STATE_APPROVED)
    forced = await office.admin.take("ActivateDraft", "tier", force=True, reason="rich is rewritten today")
    assert forced.version == 2


async def test_a_rule_of_contradiction_uses_the_tags_that_it_names(office: Office) -> None:
    judged = TIER.replace("{tag_id: tier", "{tag_id: tier, quality: {contradicted_when: spent < 1}", 1)
    await office.admin.apply(ORDERS, SPENT, judged)
    assert list((await impact(office.marketer, removed_tag_id="spent")).tag_ids) == ["tier"]
    retiring = office.admin.take("DeleteTag", "spent", reason="x")
    assert (await refused(retiring))[1:] == ("TAG_IN_USE", {"tag_id": "spent", "used_by": "tag tier"})
    as_text = "{tag_id: spent, name: x, type: text, attribute: spent}"
    code, reason, metadata = await refused(office.admin.apply(as_text))
    assert (code, reason, metadata["tag_id"]) == ("INVALID_ARGUMENT", "RULE_INVALID", "tier")
    await office.admin.take("DeleteTag", "spent", reason="x", force=True)
    await office.admin.apply(ORDERS.replace("COUNT", "DAYS"))


async def test_what_was_broken_by_force_does_not_hold_up_the_rest(office: Office) -> None:
    await office.admin.apply(ORDERS, SPENT, TIER)
    await office.admin.take("DeprecateTag", "orders", reason="x", replacement_tag_id="spent")
    await office.admin.take("RetireTag", "orders", reason="x", force=True)
    await office.admin.apply(SPENT.replace("90", "30"))
    assert (await office.analyst.tag("spent")).version == 2
    code, _, metadata = await refused(office.admin.apply(TIER.replace(">= 5", ">= 6")))
    assert (code, metadata["problem"], metadata["suggestion"]) == (
        "INVALID_ARGUMENT",
        "the tag 'orders' is retired",
        "use 'spent' instead",
    )
    plan = office.store.database.read_now(office.store.columns.of, "t1")
    assert "the tag 'orders' is retired" in plan.broken["tier"]
    await office.admin.apply(TIER.replace("orders >= 5", "spent >= 500"))


async def test_a_report_within_its_limits(office: Office) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("uses[0].kind", {"name": "x"}),
        ("uses[0].name", {"kind": SEGMENT}),
        ("uses[0].tag_ids", {"kind": SEGMENT, "name": "x", "tag_ids": [f"t{n}" for n in range(501)]}),
    ]
    for field, use in wrong:
        assert (await refused(report(office, "segments", use)))[2]["field"] == field
    twice = {"kind": SEGMENT, "name": "x"}
    assert "twice" in (await refused(report(office, "segments", twice, twice)))[2]["problem"]
    message = tag_use_service_pb2.ReportTagUseRequest(consumer="segments")
    assert (await refused(office.analyst.uses.ReportTagUse(message)))[1] == "RIGHT_MISSING"


# ------------------------------------------------------------------------------------------------- lineage


async def test_lineage_goes_from_events_to_campaigns_page_by_page(office: Office) -> None:
    await office.admin.apply(ORDERS, SPENT, TIER, VIP)
    await report(office, "segments", {"kind": SEGMENT, "name": "rich", "tag_ids": ["vip"]})
    await report(office, "activation", {"kind": CAMPAIGN, "name": "spring", "segments": ["rich"]})
    request = tag_use_service_pb2.GetTagLineageRequest(tag_id="vip", page_size=3)
    nodes, edges = [], []
    while True:
        page = await office.marketer.uses.GetTagLineage(request)
        nodes += [(each.name, each.distance) for each in page.nodes]
        edges += [(getattr(each, "from").name, each.to.name) for each in page.edges]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert nodes == [
        ("vip", 0),
        ("spent", -1),
        ("tier", -1),
        ("rich", 1),
        ("order_paid", -2),
        ("order_paid.amount", -2),
        ("orders", -2),
        ("spring", 2),
    ]
    assert len(edges) == len(set(edges))
    assert {("orders", "tier"), ("tier", "vip"), ("order_paid.amount", "spent"), ("rich", "spring")} <= {
        *edges
    }
    near = tag_use_service_pb2.GetTagLineageRequest(
        tag_id="vip", depth=1, direction=tag_use_service_pb2.LINEAGE_DIRECTION_UPSTREAM
    )
    found = await office.analyst.uses.GetTagLineage(near)
    assert ([each.name for each in found.nodes], found.cut) == (["vip", "spent", "tier"], True)
    near.depth = 21
    assert (await refused(office.analyst.uses.GetTagLineage(near)))[2]["field"] == "depth"


async def test_a_draft_has_a_lineage_too(office: Office) -> None:
    await office.admin.apply(ORDERS)
    await office.reviewer.categories.PutCategory(category_service_pb2.PutCategoryRequest(path="value"))
    await office.analyst.put(TIER.replace("value/rank", "value"))
    found = await office.analyst.uses.GetTagLineage(tag_use_service_pb2.GetTagLineageRequest(tag_id="tier"))
    assert [each.name for each in found.nodes] == ["tier", "orders", "order_paid"]
    nobody = tag_use_service_pb2.GetTagLineageRequest(tag_id="teir")
    code, _, metadata = await refused(office.analyst.uses.GetTagLineage(nobody))
    assert (code, metadata["suggestion"]) == ("NOT_FOUND", "tier")


# ---------------------------------------------------------------------------------- categories and names


async def test_a_category_moves_with_its_tags_and_drafts(office: Office) -> None:
    await office.admin.apply(ORDERS, TIER)
    await office.analyst.put(TIER.replace(">= 5", ">= 9"))
    tree = office.reviewer.categories
    move = category_service_pb2.MoveCategoryRequest(path="value", new_path="worth")
    moved = await tree.MoveCategory(move)
    assert list(moved.tag_ids) == ["tier"]
    tag, life = await office.analyst.tag("tier"), await office.analyst.life("tier")
    assert (tag.version, tag.definition.category) == (1, "worth/rank")
    assert life.draft.definition.category == "worth/rank"
    listed = await tree.ListCategories(category_service_pb2.ListCategoriesRequest())
    assert [(each.path, each.tag_count, each.total_tag_count) for each in listed.categories] == [
        ("worth", 0, 1),
        ("worth/rank", 1, 1),
    ]
    # The draft was written against the same definition as before: it is not outdated by the move.
    assert (
        await into_force(office, TIER.replace("value/rank", "worth/rank").replace(">= 5", ">= 9"))
    ).version == 2
    assert (await refused(tree.MoveCategory(move)))[1] == "CATEGORY_UNKNOWN"
    gone = category_service_pb2.DeleteCategoryRequest(path="worth/rank")
    assert (await refused(tree.DeleteCategory(gone)))[1:] == (
        "CATEGORY_IN_USE",
        {"category": "worth/rank", "used_by": "tag tier"},
    )
    above = category_service_pb2.DeleteCategoryRequest(path="worth")
    assert (await refused(tree.DeleteCategory(above)))[2]["used_by"] == "category worth/rank"
    await office.admin.take("DeleteTag", "tier", reason="x")
    await tree.DeleteCategory(gone)
    assert (await refused(tree.DeleteCategory(gone)))[0] == "INVALID_ARGUMENT"


async def test_naming_rules_hold_for_new_tags_by_files_too(office: Office) -> None:
    await office.admin.apply(ORDERS)
    rules = naming_rule_service_pb2.NamingRules(rules=[{"pattern": "t_.*", "example": "t_orders"}])
    request = naming_rule_service_pb2.SetNamingRulesRequest(naming_rules=rules)
    answer = await office.reviewer.naming.SetNamingRules(request)
    assert list(answer.breaking_tag_ids) == ["orders"]
    await office.admin.apply(ORDERS.replace("90", "30"))
    assert (await refused(office.admin.apply(SPENT)))[1:] == (
        "NAMING_REFUSED",
        {
            "tag_id": "spent",
            "problem": "'spent' does not match t_.*",
            "pattern": "t_.*",
            "example": "t_orders",
        },
    )
    request.etag = "old"
    assert (await refused(office.reviewer.naming.SetNamingRules(request)))[1] == "ETAG_STALE"
    stored = await office.analyst.naming.GetNamingRules(naming_rule_service_pb2.GetNamingRulesRequest())
    assert (stored.naming_rules.rules[0].pattern, stored.etag) == ("t_.*", answer.etag)
    request.etag, request.naming_rules.rules[0].pattern = "", "(?=t)"
    assert (await refused(office.reviewer.naming.SetNamingRules(request)))[2]["field"] == "rules[0].pattern"
    assert (await refused(office.analyst.naming.SetNamingRules(request)))[1] == "RIGHT_MISSING"


# ---------------------------------------------------------------------------------------------- the rules


async def test_of_two_who_read_the_same_one_is_first(office: Office) -> None:
    life = await office.analyst.put(ORDERS)
    calls = [office.analyst.put(ORDERS.replace("90", str(days)), etag=life.etag) for days in (10, 20, 30)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, Exception) for each in answers) == 2
    assert len(await office.analyst.history(tag_id="orders")) == 2


async def test_a_request_id_belongs_to_who_used_it(office: Office) -> None:
    first = await office.analyst.put(ORDERS, request_id="q")
    assert await office.analyst.put(ORDERS, request_id="q") == first
    assert (await refused(office.admin.put(ORDERS, request_id="q")))[0] == "ALREADY_EXISTS"
    assert len(await office.analyst.history(tag_id="orders")) == 1


async def test_a_rehearsal_of_a_draft_stores_nothing(office: Office) -> None:
    await office.analyst.put(ORDERS, validate_only=True)
    assert (await refused(office.analyst.life("orders")))[0] == "NOT_FOUND"
    wrong = office.analyst.put(ORDERS.replace("order_paid", "order_payed"), validate_only=True)
    assert (await refused(wrong))[2]["suggestion"] == "order_paid"


async def test_lives_are_listed_page_by_page_and_by_state(office: Office) -> None:
    await office.admin.apply(ORDERS, SPENT, TIER)
    await office.analyst.put(SPENT.replace("90", "30"))
    request = tag_life_service_pb2.ListTagLivesRequest(page_size=2)
    page = await office.marketer.lives.ListTagLives(request)
    assert [each.tag_id for each in page.lives] == ["orders", "spent"]
    request.page_token = page.next_page_token
    assert [each.tag_id for each in (await office.marketer.lives.ListTagLives(request)).lives] == ["tier"]
    drafts = tag_life_service_pb2.ListTagLivesRequest(states=[tag_pb2.TAG_STATE_DRAFT])
    assert [each.tag_id for each in (await office.marketer.lives.ListTagLives(drafts)).lives] == ["spent"]
    wrong = tag_life_service_pb2.ListTagLivesRequest(states=[tag_pb2.TAG_STATE_UNSPECIFIED])
    assert (await refused(office.marketer.lives.ListTagLives(wrong)))[2]["field"] == "states"


async def test_who_may_not(office: Office) -> None:
    assert (await refused(office.marketer.put(ORDERS)))[1] == "RIGHT_MISSING"
    assert (await refused(office.analyst.apply(ORDERS)))[1] == "RIGHT_MISSING"
    assert (await refused(office.reviewer.apply(ORDERS)))[1] == "RIGHT_MISSING"
    forced = tag_service_pb2.ApplyTagsRequest(definitions=[definition(ORDERS)], force=True)
    assert (await refused(office.admin.tags.ApplyTags(forced)))[2]["field"] == "reason"
    owned = ORDERS.replace("name: x", "name: x, owner: somebody")
    await office.admin.apply(owned)
    assert (await refused(office.analyst.put(owned.replace("90", "30"))))[1] == "STEP_FORBIDDEN"
    assert (await refused(office.analyst.take("DeprecateTag", "orders", reason="x")))[1] == "STEP_FORBIDDEN"


@pytest.mark.parametrize("purpose", ["", "Health!"])
async def test_a_sensitive_tag_names_its_purpose(office: Office, purpose: str) -> None:
    message = definition(ORDERS)
    message.grade, message.purpose = tag_pb2.TAG_GRADE_SENSITIVE, purpose
    put = draft_service_pb2.PutDraftRequest(definition=message)
    assert (await refused(office.analyst.drafts.PutDraft(put)))[2]["field"] == "purpose"
    apply = tag_service_pb2.ApplyTagsRequest(definitions=[message])
    assert (await refused(office.admin.tags.ApplyTags(apply)))[2]["field"] == "purpose"
    put.definition.purpose = "health"
    life = (await office.analyst.drafts.PutDraft(put)).life
    assert life.draft.definition.purpose == "health"


async def test_a_form_over_a_sensitive_tag_is_for_those_who_may_read_it(office: Office) -> None:
    await office.admin.apply(ORDERS.replace("name: x", "name: x, grade: sensitive, purpose: health"))

    async def evaluate(desk: Desk) -> None:
        request = feature_service_pb2.EvaluateFeatureRequest(form="orders * 2")
        async for _ in desk.features.EvaluateFeature(request):
            pass

    assert await refused(evaluate(office.analyst)) == (
        "PERMISSION_DENIED",
        "RIGHT_MISSING",
        {"right": "tagging.values.read_sensitive"},
    )
    await evaluate(office.admin)


async def test_a_tag_graded_lower_than_what_it_rests_on_is_told(office: Office) -> None:
    await office.admin.apply(ORDERS.replace("name: x", "name: x, grade: sensitive, purpose: health"))
    applied = await office.admin.apply(TIER, validate_only=True)
    assert list(applied.warnings) == [
        "tag 'tier' is internal, but rests on 'orders', which is sensitive: its readers learn something of that one"
    ]
    put = draft_service_pb2.PutDraftRequest(
        definition=definition(TIER.replace("category: value/rank, ", "")), validate_only=True
    )
    assert list((await office.analyst.drafts.PutDraft(put)).warnings) == list(applied.warnings)
