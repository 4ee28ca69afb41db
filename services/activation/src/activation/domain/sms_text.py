"""What the law and the carriers want of marketing by SMS."""

import re

REFUSAL = "拒收请回复R"
"""How to refuse, free and in the message itself (通信短信息服务管理规定, article 20)."""
_REFUSALS = re.compile(r"(拒收请回复R|(回复?\s?[RTN]D?\s?退订|退订请?回复?\s?[RTN]D?))[。.!！]?$")
_BRACKETS = frozenset("【】")


def problem_of(text: str) -> str | None:
    """What is wrong with the text of a marketing SMS without its signature; None when all is well."""
    if not text:
        return f"is missing: marketing by SMS states the approved text, which ends with {REFUSAL}"
    if not _REFUSALS.search(text.strip()):
        return f"does not end with how to refuse: {REFUSAL}"
    if _BRACKETS & set(text):
        return "holds 【 or 】: the provider puts the one signature at its head"
    return None
