"""How Chinese characters sound, by pypinyin's tables; they are imported with the first sound, which takes a second."""

from functools import lru_cache

REMEMBERED_SOUNDS = 100_000


@lru_cache(REMEMBERED_SOUNDS)
def pinyin(text: str) -> str:
    """Syllables without tones, separated by spaces: 李明 -> li ming. Other characters stay as they are."""
    from pypinyin import lazy_pinyin

    return " ".join(lazy_pinyin(text))
