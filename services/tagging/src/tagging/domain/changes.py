"""The kinds of entry in tagging's changelog."""

from enum import StrEnum


class ChangeKind(StrEnum):
    """VALUES: of one person, or packed of one column and block. The others are one field of Change each. TOUCHED and
    QUALITY_ALERT are sent only to who names them."""

    VALUES = "values"
    PERSON = "person"
    TAG = "tag"
    FEATURE = "feature"
    DAY = "day"
    TOUCHED = "touched"
    QUALITY_ALERT = "quality_alert"
