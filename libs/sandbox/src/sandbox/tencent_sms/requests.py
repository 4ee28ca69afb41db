"""What a send or a query asks for, read from the JSON body and checked for form."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.provider import Call
from sandbox.tencent_sms.answers import refuse
from sandbox.tencent_sms.settings import PLACEHOLDER, App, Kind, Sign, Template, TencentSmsSettings

SEND, PULL = "SendSms", "PullSmsSendStatusByPhoneNumber"
NUMBERS_MAX = 200
PULL_MAX = 100
CONTEXT_MAX_BYTES = 511
SEND_FIELDS = {
    "PhoneNumberSet",
    "SmsSdkAppId",
    "TemplateId",
    "SignName",
    "TemplateParamSet",
    "ExtendCode",
    "SessionContext",
    "SenderId",
}
_MAINLAND = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})", re.ASCII)
_FOREIGN = re.compile(r"\+(?!86)[1-9]\d{6,14}", re.ASCII)
_OTP_VALUE = re.compile(r"\d{0,6}", re.ASCII)
_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Send:
    template: Template
    sign: Sign
    context: str
    numbers: tuple[str, ...]
    """As given, in their order."""
    text: str
    """As the handset shows it, sign included; the same for all."""


def body(call: Call) -> dict[str, object]:
    """The body as a JSON object, or a refusal."""
    try:
        content = json.loads(call.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise refuse("InvalidParameter", "The body must be a JSON object.")
    return content


def read_send(call: Call, settings: TencentSmsSettings, app: App) -> Send:
    """SendSms: what concerns all numbers of the call; each number is judged by itself."""
    asked = body(call)
    unknown = sorted(asked.keys() - SEND_FIELDS)
    if unknown:
        raise refuse("UnknownParameter", f"The parameter `{unknown[0]}` is not recognized.")
    check_app(asked, app)
    numbers = _numbers(asked)
    context = _text(asked, "SessionContext")
    if len(context.encode()) > CONTEXT_MAX_BYTES:
        raise refuse("InvalidParameterValue.ContentLengthLimit", "SessionContext has 512 bytes or more.")
    sign = settings.signs.get(_text(asked, "SignName"))
    if sign is None or not sign.approved:
        raise refuse("FailedOperation.SignatureIncorrectOrUnapproved", "签名未审批或格式错误")
    template = settings.templates.get(_text(asked, "TemplateId"))
    if template is None or not template.approved:
        raise refuse("FailedOperation.TemplateUnapprovedOrNotExist", "模板未审批或不存在")
    values = _values(asked, template, settings)
    text = f"【{sign.name}】" + PLACEHOLDER.sub(lambda match: values[int(match[1]) - 1], template.content)
    return Send(template, sign, context, numbers, text)


def check_app(asked: Mapping[str, object], app: App) -> None:
    if _text(asked, "SmsSdkAppId") != app.sdk_app_id:
        raise refuse("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId 校验失败")


def count(call: Call) -> int:
    """How many messages a send asks for; 1 when that cannot be told."""
    try:
        listed = json.loads(call.body).get("PhoneNumberSet")
    except (ValueError, AttributeError):
        return 1
    return max(1, len(listed)) if isinstance(listed, list) else 1


def mainland(number: str) -> str | None:
    """E.164 of a mainland mobile number in any of the forms that are taken; None when it is none."""
    match = _MAINLAND.fullmatch(number)
    return None if match is None else f"+86{match[1]}"


def whole(asked: Mapping[str, object], name: str, most: int) -> int:
    value = asked.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise refuse("InvalidParameterValue", f"{name} must be a whole number up to {most}.")
    return value


def _numbers(asked: Mapping[str, object]) -> tuple[str, ...]:
    numbers = _texts(asked, "PhoneNumberSet")
    if not numbers:
        raise refuse("MissingParameter.EmptyPhoneNumberSet", "传入的号码列表为空")
    if len(numbers) > NUMBERS_MAX:
        raise refuse("LimitExceeded.PhoneNumberCountLimit", f"单次提交的手机号个数超过{NUMBERS_MAX}个")
    foreign = [number for number in numbers if _FOREIGN.fullmatch(number)]
    if foreign and len(foreign) < len(numbers):
        code = "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber"
        raise refuse(code, "群发请求里既有国内手机号也有国际手机号")
    if foreign:
        code = "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone"
        raise refuse(code, "国内短信模板不支持发送国际/港澳台手机号")
    return tuple(numbers)


def _values(asked: Mapping[str, object], template: Template, settings: TencentSmsSettings) -> Sequence[str]:
    values = _texts(asked, "TemplateParamSet")
    if len(values) != template.variables:
        code = "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
        raise refuse(code, "请求内容与审核通过的模板内容不匹配")
    if template.kind is Kind.OTP and not all(_OTP_VALUE.fullmatch(value) for value in values):
        code = "InvalidParameterValue.TemplateParameterFormatError"
        raise refuse(code, "验证码类模板变量只能传入0-6位纯数字")
    if any(len(value) > settings.parameter_max_chars for value in values):
        raise refuse("InvalidParameterValue.TemplateParameterLengthLimit", "单个模板变量字符数超过限制")
    if any(_LINK.search(value) for value in values):
        code = "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
        raise refuse(code, "禁止在模板变量中使用 URL")
    return values


def _text(asked: Mapping[str, object], name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str):
        raise refuse("InvalidParameter", f"{name} must be text.")
    return value


def _texts(asked: Mapping[str, object], name: str) -> list[str]:
    value = asked.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise refuse("InvalidParameter", f"{name} must be an array of texts.")
    return value
