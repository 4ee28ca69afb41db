"""One tag through its whole life, from request to retired, with every refusal on the way."""

from huaxiang.tagging.v1 import (
    category_service_pb2,
    naming_rule_service_pb2,
    tag_pb2,
    tag_use_service_pb2,
    tag_version_service_pb2,
)
from tag_desk import Office, refused

TEXTS = """name: {zh: 常客, en: Regular}, description: {zh: 常来的人, en: Comes often},
    calculation: {zh: 近90天三单及以上, en: Three orders in 90 days or more}"""
RULE = "layered_rule: {layers: [{when: orders >= 3, then: true}], otherwise: false}"
BARE = f"{{tag_id: regular, name: {{zh: 常客}}, category: value/loyalty, type: bool, {RULE}}}"
REGULAR = f"{{tag_id: regular, {TEXTS}, category: value/loyalty, type: bool, {RULE}}}"
ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid) IN LAST 90 DAYS}"
FREQUENT = (
    "{tag_id: frequent, name: x, type: bool, layered_rule: {layers: [{when: orders >= 5, then: true}]}}"
)
VIP = "{tag_id: vip, name: x, type: bool, layered_rule: {layers: [{when: regular = true, then: true}]}}"


async def asked(office: Office) -> str:
    """The request, after what is refused of it."""
    wish = {
        "name": tag_pb2.TagText(zh="常客", en="Regulars"),
        "why": "the spring campaign rewards those who come often",
        "wanted_use": "campaign spring-2026",
        "due": "2026-03-20",
    }
    for field, wrong in (("why", " "), ("wanted_use", ""), ("due", "soon"), ("due", "2026-03-09")):
        code, reason, metadata = await refused(office.marketer.ask(**{**wish, field: wrong}))
        assert (code, reason, metadata["field"]) == ("INVALID_ARGUMENT", "INVALID_FIELD", field)
    request = await office.marketer.ask(**wish, request_id="q1")
    assert await office.marketer.ask(**wish, request_id="q1") == request
    assert (await refused(office.marketer.decide("AcceptTagRequest", request.tag_request_id)))[
        1
    ] == "RIGHT_MISSING"
    own = await office.analyst.ask(**wish)
    assert (await refused(office.analyst.decide("AcceptTagRequest", own.tag_request_id, tag_id="x")))[:2] == (
        "PERMISSION_DENIED",
        "OWN_REVIEW",
    )
    stranger = office.marketer.decide("WithdrawTagRequest", own.tag_request_id)
    assert (await refused(stranger))[:2] == ("PERMISSION_DENIED", "STEP_FORBIDDEN")
    declined = await office.reviewer.decide("DeclineTagRequest", own.tag_request_id, reason="asked twice")
    assert (declined.decider, declined.decision) == ("reviewer-t1", "asked twice")
    late = office.analyst.decide("WithdrawTagRequest", own.tag_request_id)
    assert (await refused(late))[:2] == ("FAILED_PRECONDITION", "REQUEST_STATE")
    return str(request.tag_request_id)


async def accepted(office: Office, request_id: str) -> None:
    """Named by the tenant's rules."""
    rules = naming_rule_service_pb2.NamingRules(
        rules=[{"category": "value", "pattern": "[a-z]+", "example": "loyal"}], reserved_words=["test"]
    )
    await office.admin.naming.SetNamingRules(
        naming_rule_service_pb2.SetNamingRulesRequest(naming_rules=rules)
    )
    wrong = office.analyst.decide("AcceptTagRequest", request_id, tag_id="test_regular")
    assert (await refused(wrong))[1:] == (
        "NAMING_REFUSED",
        {"tag_id": "test_regular", "problem": "'test' is a reserved word", "word": "test"},
    )
    taken = await office.analyst.decide(
        "AcceptTagRequest", request_id, tag_id="regular", reason="makes sense"
    )
    assert (taken.owner, taken.tag_id) == ("analyst-t1", "regular")


async def drafted(office: Office, request_id: str) -> None:
    assert (await refused(office.reviewer.put(BARE)))[1] == "RIGHT_MISSING"
    put = office.analyst.put(BARE, tag_request_id=request_id)
    assert (await refused(put))[1:] == ("CATEGORY_UNKNOWN", {"category": "value/loyalty"})
    for path in ("value", "value/loyalty"):
        await office.reviewer.categories.PutCategory(category_service_pb2.PutCategoryRequest(path=path))
    unknown = await refused(office.analyst.put(BARE, tag_request_id=request_id))
    assert (unknown[1], unknown[2]["problem"]) == ("RULE_INVALID", "there is no tag 'orders'")
    await office.admin.apply(ORDERS, FREQUENT, reason="from the repository")
    misnamed = BARE.replace("tag_id: regular", "tag_id: regular_9")
    _, reason, metadata = await refused(office.analyst.put(misnamed))
    assert (reason, metadata["pattern"], metadata["example"]) == ("NAMING_REFUSED", "[a-z]+", "loyal")
    life = await office.analyst.put(BARE, tag_request_id=request_id)
    assert (life.state, life.owner, list(life.draft.authors)) == (
        tag_pb2.TAG_STATE_DRAFT,
        "analyst-t1",
        ["analyst-t1"],
    )
    missing = await refused(office.analyst.take("SubmitDraft", "regular"))
    assert (missing[1], missing[2]["field"]) == ("DEFINITION_INVALID", "name.en")
    stale = office.analyst.put(REGULAR, etag="regular-77")
    assert (await refused(stale))[:2] == ("ABORTED", "ETAG_STALE")
    await office.analyst.put(REGULAR, etag=life.etag)


async def reviewed(office: Office) -> None:
    early = await refused(office.reviewer.approve("regular"))
    assert (early[0], early[1], early[2]["fitting"]) == ("FAILED_PRECONDITION", "TAG_STATE", "in_review")
    assert (await refused(office.analyst.take("ActivateDraft", "regular")))[2]["fitting"] == "approved"
    await office.analyst.take("SubmitDraft", "regular", reason="please look")
    assert (await refused(office.analyst.put(REGULAR)))[1:2] == ("TAG_STATE",)
    assert (await refused(office.analyst.approve("regular")))[1] == "RIGHT_MISSING"
    blind = office.reviewer.take("ApproveDraft", "regular")
    assert (await refused(blind))[2]["field"] == "etag"
    mute = office.reviewer.take("ReturnDraft", "regular")
    assert (await refused(mute))[2]["field"] == "reason"
    await office.reviewer.take("ReturnDraft", "regular", reason="three is too few, say five")
    # An admin may write, too; whoever wrote does not review, admin or not.
    await office.admin.put(REGULAR.replace(">= 3", ">= 5"))
    await office.analyst.take("SubmitDraft", "regular")
    own = await refused(office.admin.approve("regular"))
    assert own[:2] == ("PERMISSION_DENIED", "OWN_REVIEW")
    assert own[2] == {"tag_id": "regular", "step": "approve", "because": "wrote a part of it"}
    life = await office.reviewer.approve("regular")
    assert (life.draft.reviewer, life.state) == ("reviewer-t1", tag_pb2.TAG_STATE_APPROVED)
    assert (await refused(office.analyst.tag("regular")))[0] == "NOT_FOUND"


async def changed(office: Office) -> None:
    """The active version computes on while a change is written, reviewed and activated."""
    await office.analyst.take("ActivateDraft", "regular", request_id="a1")
    life = await office.analyst.take("ActivateDraft", "regular", request_id="a1")
    assert (life.state, life.version, life.HasField("draft")) == (tag_pb2.TAG_STATE_ACTIVE, 1, False)
    changed = REGULAR.replace(">= 3", ">= 4")
    await office.analyst.put(changed)
    tag = await office.analyst.tag("regular")
    assert (tag.version, tag.definition.layered_rule.layers[0].when) == (1, "orders >= 5")
    await office.analyst.take("SubmitDraft", "regular")
    await office.reviewer.approve("regular")
    # Somebody with the right is faster: the approved draft no longer fits what is in force.
    await office.admin.apply(REGULAR.replace(">= 3", ">= 6"), reason="urgent")
    outdated = office.analyst.take("ActivateDraft", "regular")
    assert (await refused(outdated))[:2] == ("FAILED_PRECONDITION", "DRAFT_OUTDATED")
    assert (await refused(office.reviewer.take("WithdrawDraft", "regular")))[1] == "RIGHT_MISSING"
    await office.admin.take("WithdrawDraft", "regular", reason="written against version 1")
    await office.admin.take("DiscardDraft", "regular")
    assert (await office.analyst.tag("regular")).version == 2
    diff = await office.analyst.versions.DiffTagVersions(
        tag_version_service_pb2.DiffTagVersionsRequest(tag_id="regular", from_version=1, to_version=2)
    )
    assert [(each.field, each.old, each.new) for each in diff.fields if "owner" not in each.field] == [
        ("kind.layered_rule.layers[0].when", "orders >= 5", "orders >= 6")
    ]


async def ended(office: Office) -> None:
    await office.admin.apply(VIP)
    await office.service.uses.ReportTagUse(
        tag_use_service_pb2.ReportTagUseRequest(
            consumer="segments",
            uses=[{"kind": tag_use_service_pb2.TAG_USER_KIND_SEGMENT, "name": "spring", "tag_ids": ["vip"]}],
        )
    )
    early = office.analyst.take("RetireTag", "regular", reason="over")
    assert (await refused(early))[2]["fitting"] == "deprecated"
    nobody = office.analyst.take("DeprecateTag", "regular", reason="over", replacement_tag_id="frequnt")
    assert "did you mean 'frequent'?" in (await refused(nobody))[2]["problem"]
    life = await office.analyst.take("DeprecateTag", "regular", reason="over", replacement_tag_id="frequent")
    assert (life.state, life.replacement_tag_id) == (tag_pb2.TAG_STATE_DEPRECATED, "frequent")
    warned = await office.admin.apply(VIP, validate_only=True)
    assert "deprecated; use 'frequent' instead" in " ".join(warned.warnings) or "deprecated" in str(
        warned.warnings
    )
    used = await refused(office.analyst.take("RetireTag", "regular", reason="over"))
    assert used[:2] == ("FAILED_PRECONDITION", "TAG_IN_USE")
    assert used[2]["used_by"] == "tag vip, segment spring"
    force = office.analyst.take("RetireTag", "regular", reason="over", force=True)
    assert (await refused(force))[1] == "RIGHT_MISSING"
    mute = office.admin.take("RetireTag", "regular", force=True)
    assert (await refused(mute))[2]["field"] == "reason"
    life = await office.admin.take("RetireTag", "regular", reason="vip follows", force=True)
    assert (life.state, life.replacement_tag_id) == (tag_pb2.TAG_STATE_RETIRED, "frequent")
    named = VIP.replace("tag_id: vip", "tag_id: gold")
    _, reason, metadata = await refused(office.analyst.put(named))
    assert (reason, metadata["problem"], metadata["suggestion"]) == (
        "RULE_INVALID",
        "the tag 'regular' is retired",
        "use 'frequent' instead",
    )
    back = await refused(office.admin.apply(REGULAR))
    assert back[1:] == ("TAG_RETIRED", {"tag_id": "regular", "replacement": "frequent"})


async def test_from_request_to_retired(office: Office) -> None:
    request_id = await asked(office)
    await accepted(office, request_id)
    await drafted(office, request_id)
    await reviewed(office)
    await changed(office)
    await ended(office)
    assert await office.analyst.history(tag_id="regular") == [
        ("request", "marketer", "", "open"),
        ("accept", "analyst", "open", "accepted"),
        ("edit", "analyst", "", "draft"),
        ("edit", "analyst", "draft", "draft"),
        ("submit", "analyst", "draft", "in_review"),
        ("return", "reviewer", "in_review", "draft"),
        ("edit", "admin", "draft", "draft"),
        ("submit", "analyst", "draft", "in_review"),
        ("approve", "reviewer", "in_review", "approved"),
        ("activate", "analyst", "approved", "active"),
        ("edit", "analyst", "", "draft"),
        ("submit", "analyst", "draft", "in_review"),
        ("approve", "reviewer", "in_review", "approved"),
        ("apply", "admin", "active", "active"),
        ("withdraw", "admin", "approved", "draft"),
        ("discard", "admin", "draft", ""),
        ("deprecate", "analyst", "active", "deprecated"),
        ("retire", "admin", "deprecated", "retired"),
    ]
    assert (await office.marketer.history(tag_request_id=request_id))[0] == (
        "request",
        "marketer",
        "",
        "open",
    )
