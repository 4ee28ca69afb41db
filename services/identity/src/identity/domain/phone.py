"""Phone numbers to E.164.

phonenumbers knows every country's numbers and takes 50 microseconds; most numbers here are mainland mobiles,
which one expression recognises. Both give the same answer (a property test holds them together).
"""

import re

import phonenumbers

HOME_REGION = "CN"
_SEPARATORS = re.compile(r"[\s().·‐-―−-]+")
_WRITTEN = re.compile(r"\+?[0-9]+")
# Segments in service: 13x 145 147 150-153 155-159 162 165-167 170-173 175-178 18x 190-193 195-199.
_MAINLAND_MOBILE = re.compile(
    r"(?:\+86|0086|86)?(1(?:[38][0-9]|4[57]|[59][0-35-9]|6[25-7]|7[0-35-8])[0-9]{8})"
)


def written_digits(text: str) -> str | None:
    """The number without separators, spreadsheet's ".0" and "tel:"; None when anything but digits is left.

    `text` is in NFKC, so full-width digits are plain ones.
    """
    compact = _SEPARATORS.sub("", text.removeprefix("tel:").removesuffix(".0"))
    return compact if _WRITTEN.fullmatch(compact) else None


def e164(digits: str) -> str | None:
    """The E.164 form of what `written_digits` gave, numbers without a country code being mainland ones.

    None when there is no such number.
    """
    mobile = _MAINLAND_MOBILE.fullmatch(digits)
    return f"+86{mobile[1]}" if mobile else library_e164(digits)


def library_e164(digits: str) -> str | None:
    """`e164` by the phonenumbers library alone."""
    international = f"+{digits[2:]}" if digits.startswith("00") else digits
    try:
        number = phonenumbers.parse(international, HOME_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def without_country(digits: str) -> str:
    """The digits without +86, 0086 or 86: the form in which placeholders are listed."""
    for prefix in ("+86", "0086"):
        if digits.startswith(prefix):
            return digits.removeprefix(prefix)
    return digits.removeprefix("86") if len(digits) == 13 else digits
