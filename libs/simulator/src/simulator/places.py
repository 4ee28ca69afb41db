"""Cities where customers live and stores stand, weighted by how many customers come from them."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.columns import joined, picked

_CITIES = (
    ("上海市", "上海市", 90), ("北京市", "北京市", 80), ("广东省", "广州市", 70), ("广东省", "深圳市", 75),
    ("浙江省", "杭州市", 65), ("四川省", "成都市", 60), ("重庆市", "重庆市", 45), ("湖北省", "武汉市", 45),
    ("江苏省", "南京市", 45), ("江苏省", "苏州市", 45), ("天津市", "天津市", 30), ("陕西省", "西安市", 38),
    ("湖南省", "长沙市", 35), ("河南省", "郑州市", 32), ("山东省", "青岛市", 28), ("山东省", "济南市", 24),
    ("浙江省", "宁波市", 26), ("福建省", "厦门市", 22), ("福建省", "福州市", 20), ("安徽省", "合肥市", 24),
    ("辽宁省", "沈阳市", 18), ("辽宁省", "大连市", 18), ("云南省", "昆明市", 16), ("广东省", "佛山市", 20),
    ("广东省", "东莞市", 20), ("江苏省", "无锡市", 22), ("吉林省", "长春市", 12),
    ("黑龙江省", "哈尔滨市", 12), ("广西壮族自治区", "南宁市", 14), ("江西省", "南昌市", 14),
)  # fmt: skip
_STREETS = (
    "人民路",
    "解放路",
    "中山路",
    "建设路",
    "新华街",
    "文化路",
    "和平大道",
    "长江路",
    "滨河路",
    "学府街",
)

PROVINCES = tuple(province for province, _, _ in _CITIES)
CITIES = tuple(city for _, city, _ in _CITIES)


_REGION_OF = {
    "华东": ("上海市", "浙江省", "江苏省", "山东省", "福建省", "安徽省", "江西省"),
    "华北": ("北京市", "天津市"),
    "华南": ("广东省", "广西壮族自治区"),
    "华中": ("湖北省", "湖南省", "河南省"),
    "西南": ("四川省", "重庆市", "云南省"),
    "西北": ("陕西省",),
    "东北": ("辽宁省", "吉林省", "黑龙江省"),
}
REGIONS = tuple(
    next(region for region, provinces in _REGION_OF.items() if province in provinces)
    for province in PROVINCES
)


def home_cities(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Codes into CITIES and PROVINCES."""
    weights = np.array([weight for _, _, weight in _CITIES], dtype=np.float64)
    return rng.choice(len(_CITIES), size=count, p=weights / weights.sum())


def addresses(rng: np.random.Generator, city: NDArray[np.int64]) -> pa.Array:
    """A postal address in each city."""
    number = pa.array(rng.integers(1, 400, len(city))).cast(pa.string())
    room = pa.array(rng.integers(101, 3000, len(city))).cast(pa.string())
    street = picked(_STREETS, rng.integers(0, len(_STREETS), len(city)))
    return joined(picked(PROVINCES, city), picked(CITIES, city), street, number, "号", room, "室")
