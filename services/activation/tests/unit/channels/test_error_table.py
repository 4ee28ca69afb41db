"""What the providers' codes mean."""

import uuid

import pytest
from activation.channels import (
    aliyun_sms,
    apns,
    fcm,
    getui,
    jpush,
    tencent_sms,
    wechat,
    wechat_customer_service,
    wechat_mass,
    wechat_subscription,
    wechat_template,
)
from activation.channels.error_table import UNKNOWN, ErrorTable, Meaning, load
from activation.channels.port import Scope, Verdict

RECIPIENT, CAMPAIGN, ACCOUNT = Scope.RECIPIENT, Scope.CAMPAIGN, Scope.ACCOUNT
EXPECTED = {
    aliyun_sms.__name__: {
        RECIPIENT: "isv.MOBILE_NUMBER_ILLEGAL isv.BLACK_KEY_CONTROL_LIMIT isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
        CAMPAIGN: "isv.SMS_TEMPLATE_ILLEGAL isv.SMS_SIGNATURE_ILLEGAL isv.SMS_SIGNATURE_SCENE_ILLEGAL "
        "isv.SIGN_STATE_ILLEGAL isv.TEMPLATE_MISSING_PARAMETERS isv.INVALID_JSON_PARAM isv.SMS_CONTENT_ILLEGAL "
        "isv.PARAM_LENGTH_LIMIT isv.EXTEND_CODE_ERROR isv.MOBILE_COUNT_OVER_LIMIT isv.NEVER_SEEN_BEFORE",
        ACCOUNT: "isv.OUT_OF_SERVICE isv.AMOUNT_NOT_ENOUGH isv.ACCOUNT_ABNORMAL isp.RAM_PERMISSION_DENY "
        "isv.DENY_IP_RANGE isv.DAY_LIMIT_CONTROL isv.MONTH_LIMIT_CONTROL SignatureDoesNotMatch "
        "SignatureNonceUsed InvalidTimeStamp.Expired InvalidAccessKeyId.NotFound",
        Verdict.DEFER: "isv.BUSINESS_LIMIT_CONTROL isv.SEND_TIME_CONTROL",
        Verdict.RETRY: "Throttling Throttling.User Throttling.Api",
        Verdict.UNKNOWN: "isp.SYSTEM_ERROR isp.NEVER_SEEN_BEFORE InternalError",
    },
    tencent_sms.__name__: {
        RECIPIENT: "FailedOperation.PhoneNumberInBlacklist InvalidParameterValue.IncorrectPhoneNumber",
        CAMPAIGN: "FailedOperation.TemplateIncorrectOrUnapproved FailedOperation.SignatureIncorrectOrUnapproved "
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate FailedOperation.ContainSensitiveWord "
        "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe InvalidParameterValue.NeverSeenBefore",
        ACCOUNT: "AuthFailure.SignatureExpire AuthFailure.SecretIdNotFound InternalError.RequestTimeException "
        "UnauthorizedOperation.ServiceSuspendDueToArrears LimitExceeded.AppDailyLimit",
        Verdict.DEFER: "FailedOperation.MarketingSendTimeConstraint LimitExceeded.PhoneNumberThirtySecondLimit "
        "LimitExceeded.PhoneNumberOneHourLimit LimitExceeded.PhoneNumberDailyLimit "
        "LimitExceeded.PhoneNumberSameContentDailyLimit",
        Verdict.RETRY: "RequestLimitExceeded RequestLimitExceeded.UinLimitExceeded "
        "LimitExceeded.DeliveryFrequencyLimit",
        Verdict.UNKNOWN: "InternalError.Timeout InternalError.SendAndRecvFail InternalError FailedOperation "
        "NeverSeenBefore",
    },
    f"{wechat.__name__} {wechat_mass.__name__}": {
        CAMPAIGN: "40003 40007 40130 45067 47003",
        ACCOUNT: "42001 45028 48001",
        Verdict.RETRY: "42010 45011",
        Verdict.UNKNOWN: "-1 45066 99999",
    },
    f"{wechat.__name__} {wechat_subscription.__name__}": {
        RECIPIENT: "40003 43004 43101",
        CAMPAIGN: "40037 41030 47003",
        Verdict.RETRY: "43108 45011",
    },
    f"{wechat.__name__} {wechat_customer_service.__name__}": {
        RECIPIENT: "40003 45015 45047",
        CAMPAIGN: "44004 45002",
    },
    f"{wechat.__name__} {wechat_template.__name__}": {
        RECIPIENT: "40003 43004 43019 48002 50005",
        CAMPAIGN: "40037 47003 40249 40250 43116",
        ACCOUNT: "40001 40014 42001 48001 48004 40164 40251",
        Verdict.DEFER: "45009",
        Verdict.RETRY: "45011",
        Verdict.UNKNOWN: "-1 20001 99999",
    },
    getui.__name__: {
        RECIPIENT: "successed_ignore",
        CAMPAIGN: "1 20001 20999",
        ACCOUNT: "301 404 10001 10002 10004 10999 30001",
        Verdict.RETRY: "2 10003 10005",
        Verdict.UNKNOWN: "50001 successed_never_seen",
    },
    fcm.__name__: {
        RECIPIENT: "UNREGISTERED SENDER_ID_MISMATCH",
        CAMPAIGN: "INVALID_ARGUMENT",
        ACCOUNT: "THIRD_PARTY_AUTH_ERROR UNAUTHENTICATED PERMISSION_DENIED NOT_FOUND",
        Verdict.RETRY: "QUOTA_EXCEEDED",
        Verdict.UNKNOWN: "UNSPECIFIED_ERROR UNAVAILABLE INTERNAL NEVER_SEEN_BEFORE",
    },
    apns.__name__: {
        RECIPIENT: "BadDeviceToken DeviceTokenNotForTopic Unregistered ExpiredToken",
        CAMPAIGN: "PayloadEmpty PayloadTooLarge BadCollapseId BadPriority InvalidPushType",
        ACCOUNT: "BadTopic TopicDisallowed MissingTopic Forbidden InvalidProviderToken MissingProviderToken "
        "ExpiredProviderToken BadCertificate BadCertificateEnvironment",
        Verdict.RETRY: "TooManyRequests TooManyProviderTokenUpdates IdleTimeout",
        Verdict.UNKNOWN: "NeverSeenBefore",
    },
    jpush.__name__: {
        RECIPIENT: "1011",
        CAMPAIGN: "1003 1005 1009",
        ACCOUNT: "1004 1008 2003 2004 2005",
        Verdict.RETRY: "2002",
        Verdict.UNKNOWN: "1000 1030 9999",
    },
}
CASES = [
    (package, code, kind)
    for package, kinds in EXPECTED.items()
    for kind, codes in kinds.items()
    for code in codes.split()
]


@pytest.mark.parametrize(("package", "code", "kind"), CASES)
def test_a_code_means_what_the_provider_says(package, code, kind):
    meaning = load(*package.split()).meaning(code)
    if isinstance(kind, Scope):
        assert (meaning.verdict, meaning.scope) == (Verdict.REJECTED, kind)
    else:
        assert meaning.verdict is kind


@pytest.mark.parametrize(
    ("package", "code", "detail", "scope"),
    [
        (getui.__name__, "20001", "target user is invalid", RECIPIENT),
        (getui.__name__, "20001", "title size over limit", CAMPAIGN),
        (fcm.__name__, "INVALID_ARGUMENT", "FcmError", RECIPIENT),
        (fcm.__name__, "INVALID_ARGUMENT", "BadRequest", CAMPAIGN),
    ],
)
def test_a_code_of_two_meanings_is_told_apart_by_what_stands_beside_it(package, code, detail, scope):
    assert load(package).meaning(code, detail).scope is scope


def test_some_codes_say_that_an_address_is_dead_but_not_of_others_in_the_batch():
    meaning = load(apns.__name__).meaning("Unregistered")
    assert meaning.outcome("d", "Unregistered", batch=1).unreachable
    assert not meaning.outcome("d", "Unregistered", batch=2).unreachable
    assert not load(apns.__name__).meaning("BadDeviceToken").unreachable


def test_one_recipient_at_fault_says_nothing_of_the_others():
    meaning = Meaning(Verdict.REJECTED, RECIPIENT)
    assert meaning.outcome("d", "c", batch=1).scope is RECIPIENT
    together = meaning.outcome("d", "c", batch=2)
    assert (together.verdict, together.alone, together.scope) == (Verdict.RETRY, True, None)


def test_only_what_waits_says_how_long_and_never_shorter_than_the_table():
    assert Meaning(Verdict.REJECTED, CAMPAIGN, 5.0).outcome("d", "c", batch=1).after_s == 0
    retry = Meaning(Verdict.RETRY, after_s=5.0)
    assert [retry.outcome("d", "c", batch=1, after_s=given).after_s for given in (None, 2.0, 9.0)] == [
        5.0,
        5.0,
        9.0,
    ]


def test_the_longest_prefix_wins_and_the_rest_is_unknown():
    table = ErrorTable({}, {"a": Meaning(Verdict.RETRY), "a.b": Meaning(Verdict.DEFER)})
    assert [table.meaning(code).verdict for code in ("a.b.c", "a.c")] == [Verdict.DEFER, Verdict.RETRY]
    assert table.meaning("b") is UNKNOWN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("codes: {X: {verdict: rejected}}", "X: rejected needs a scope"),
        ("codes: {X: {verdict: retry, scope: campaign}}", "X: retry may only concern a recipient"),
        ("codes: {X: {verdict: retry, colour: red}}", "X: unknown fields colour"),
        (
            "codes: {X: {verdict: retry, unreachable: true}}",
            "X: only a rejected recipient can be unreachable",
        ),
        ("codes: {X: {verdict: perhaps}}", "perhaps"),
    ],
)
def test_a_table_at_fault_is_named(tmp_path, monkeypatch, text, message):
    name = "table_" + uuid.uuid4().hex
    package = tmp_path / name
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "errors.yaml").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=message):
        load(name)
