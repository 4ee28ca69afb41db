"""What a send or a query asks for, read from query and body and checked for form."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.aliyun_sms.answers import refuse
from sandbox.aliyun_sms.settings import PLACEHOLDER, AliyunSmsSettings, Sign, Template
from sandbox.provider import Call, decode_form

SEND, SEND_BATCH, QUERY = "SendSms", "SendBatchSms", "QuerySendDetails"
SEND_MAX, SEND_BATCH_MAX = 1_000, 100
OUT_ID_MAX_CHARS = 255
PAGE_MAX = 50
_PHONE = re.compile(r"(?:\+?0{0,2}86)?(1[3-9]\d{9})")


@dataclass(frozen=True, slots=True)
class Sms:
    """One message of a send."""

    phone: str
    """Eleven digits."""
    sign: Sign
    text: str
    """As the handset shows it, sign included."""


@dataclass(frozen=True, slots=True)
class Send:
    template: Template
    out_id: str
    messages: tuple[Sms, ...]


def mainland_phone(text: str) -> str:
    """Eleven digits, or a refusal."""
    match = _PHONE.fullmatch(text)
    if match is None:
        raise refuse("isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误")
    return match[1]


def read_send(call: Call, settings: AliyunSmsSettings) -> Send:
    """SendSms: the same text for all numbers; everything in the query (a form body serves as well)."""
    asked = _parameters(call)
    phones = asked.get("PhoneNumbers", "").split(",")
    sign = _sign(settings, asked.get("SignName", ""))
    template = _template(settings, asked.get("TemplateCode", ""))
    values = _values(asked.get("TemplateParam", "") or "{}", settings)
    return _send(asked, template, [(phone, sign, values) for phone in phones], SEND_MAX)


def read_send_batch(call: Call, settings: AliyunSmsSettings) -> Send:
    """SendBatchSms: parallel JSON arrays of equal length, one template."""
    asked = _parameters(call)
    phones, signs = _array(asked, "PhoneNumberJson"), _array(asked, "SignNameJson")
    template = _template(settings, asked.get("TemplateCode", ""))
    values: list[object] = [{}] * len(phones)
    if asked.get("TemplateParamJson"):
        values = _array(asked, "TemplateParamJson")
    if not len(phones) == len(signs) == len(values):
        raise refuse("isv.PARAM_NOT_MATCH", "手机号码、签名、模板变量的个数不一致")
    rows = [
        (str(phone), _sign(settings, str(sign)), _values(value, settings))
        for phone, sign, value in zip(phones, signs, values, strict=True)
    ]
    return _send(asked, template, rows, SEND_BATCH_MAX)


def count(call: Call) -> int:
    """How many messages a send asks for; 1 when that cannot be told."""
    asked = _parameters(call)
    try:
        listed = json.loads(asked.get("PhoneNumberJson", "[]"))
    except ValueError:
        return 1
    named = asked.get("PhoneNumbers", "").count(",") + 1
    return max(1, len(listed) if isinstance(listed, list) and listed else named)


def _parameters(call: Call) -> dict[str, str]:
    return call.query | decode_form(call.body.decode("utf-8", "replace"))


def _send(
    asked: Mapping[str, str], template: Template, rows: list[tuple[str, Sign, dict[str, str]]], most: int
) -> Send:
    if len(rows) > most:
        raise refuse("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
    out_id = asked.get("OutId", "")
    if len(out_id) > OUT_ID_MAX_CHARS:
        raise refuse("isv.INVALID_PARAMETERS", "OutId 超过长度限制")
    messages = tuple(
        Sms(mainland_phone(phone), sign, _text(template, sign, values)) for phone, sign, values in rows
    )
    return Send(template, out_id, messages)


def _sign(settings: AliyunSmsSettings, name: str) -> Sign:
    sign = settings.signs.get(name)
    if sign is None:
        raise refuse("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法")
    if not sign.approved:
        raise refuse("isv.SIGN_STATE_ILLEGAL", "签名状态不可用")
    return sign


def _template(settings: AliyunSmsSettings, code: str) -> Template:
    template = settings.templates.get(code)
    if template is None or not template.approved:
        raise refuse("isv.SMS_TEMPLATE_ILLEGAL", "短信模板不合法")
    return template


def _values(given: object, settings: AliyunSmsSettings) -> dict[str, str]:
    """Template values: a JSON object of texts, each within the limit."""
    try:
        content = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        content = None
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise refuse("isv.INVALID_JSON_PARAM", "JSON 参数不合法，只接受字符串值")
    if any(len(value) > settings.parameter_max_chars for value in content.values()):
        raise refuse("isv.PARAM_LENGTH_LIMIT", "参数超过长度限制")
    return content


def _text(template: Template, sign: Sign, values: Mapping[str, str]) -> str:
    missing = template.parameters - values.keys()
    if missing:
        raise refuse("isv.TEMPLATE_MISSING_PARAMETERS", f"模板变量中缺少参数 {', '.join(sorted(missing))}")
    return f"【{sign.name}】" + PLACEHOLDER.sub(lambda match: values[match[1]], template.content)


def _array(asked: Mapping[str, str], name: str) -> list[object]:
    try:
        content = json.loads(asked.get(name, ""))
    except ValueError:
        content = None
    if not isinstance(content, list) or not content:
        raise refuse("isv.INVALID_JSON_PARAM", f"{name} 必须是非空 JSON 数组")
    return content
