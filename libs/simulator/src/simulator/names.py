"""Chinese personal names with realistic frequencies, compound surnames included."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator.columns import joined, picked

MALE, FEMALE = 0, 1

# Per mille of the population; the tail of rare surnames is flattened.
_SURNAMES = {
    "王": 72, "李": 71, "张": 67, "刘": 53, "陈": 46, "杨": 30, "赵": 23, "黄": 22, "周": 21,
    "吴": 20, "徐": 17, "孙": 15, "胡": 13, "朱": 13, "高": 12, "林": 12, "何": 12, "郭": 11,
    "马": 11, "罗": 10, "梁": 9, "宋": 9, "郑": 9, "谢": 8, "韩": 8, "唐": 7, "冯": 7,
    "于": 7, "董": 6, "萧": 6, "程": 6, "曹": 6, "袁": 6, "邓": 6, "许": 6, "傅": 6,
    "沈": 5, "曾": 5, "彭": 5, "吕": 5, "苏": 5, "卢": 5, "蒋": 5, "蔡": 5, "贾": 4,
    "丁": 4, "魏": 4, "薛": 4, "叶": 4, "阎": 4, "余": 4, "潘": 4, "杜": 4, "戴": 3,
    "夏": 3, "钟": 3, "汪": 3, "田": 3, "任": 3, "姜": 3, "欧阳": 2, "上官": 1, "司马": 1,
    "诸葛": 1, "皇甫": 1, "尉迟": 1, "慕容": 1, "令狐": 1,
}  # fmt: skip
_GIVEN_MALE = "伟强磊军洋勇杰涛超明刚平辉鹏飞斌波宇浩凯健俊帆旭宁龙博晨轩泽文建国志海东阳子睿航天瑞峰"
_GIVEN_FEMALE = "芳娜敏静丽艳娟霞秀燕玲桂英华慧颖婷雪梅莉琳倩佳欣怡悦萱涵雨梦洁璐瑶薇蓉晓诗雅宁思语彤"
_SINGLE_GIVEN_SHARE = 0.22


def full_names(rng: np.random.Generator, gender: NDArray[np.int8]) -> pa.Array:
    """A full name for each gender code."""
    weights = np.array(list(_SURNAMES.values()), dtype=np.float64)
    surname = rng.choice(len(weights), size=len(gender), p=weights / weights.sum())
    first = _given(rng, gender)
    second = _given(rng, gender)
    single = rng.random(len(gender)) < _SINGLE_GIVEN_SHARE
    return joined(picked(list(_SURNAMES), surname), first, pc.if_else(pa.array(single), "", second))


def _given(rng: np.random.Generator, gender: NDArray[np.int8]) -> pa.Array:
    pool = list(_GIVEN_MALE + _GIVEN_FEMALE)
    males = rng.integers(0, len(_GIVEN_MALE), len(gender))
    females = len(_GIVEN_MALE) + rng.integers(0, len(_GIVEN_FEMALE), len(gender))
    return picked(pool, np.where(gender == MALE, males, females))


def with_title(names: pa.Array, gender: NDArray[np.int8]) -> pa.Array:
    """As a cashier writes it: the surname's first character and 先生 or 女士."""
    titles = picked(["先生", "女士"], gender)
    return joined(pc.utf8_slice_codeunits(names, 0, 1), titles)


def masked(names: pa.Array) -> pa.Array:
    """As a marketplace shows it: the first character and two stars."""
    return joined(pc.utf8_slice_codeunits(names, 0, 1), "**")
