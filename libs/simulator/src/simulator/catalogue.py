"""What the retailer sells and where: categories, brands, items, stores, staff, shared tablets and coupons."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator import names, places
from simulator.columns import SCALE, dates, decimals, hex_tokens, joined, padded, picked, repeated
from simulator.names import FEMALE, MALE
from simulator.season import EPOCH
from simulator.seeding import generator, hashed

# domain: (brands, ((leaf category, usual price in yuan, weight for men, weight for women), ...)); all
# invented.
_RANGE = {
    "护肤": (("雪漪", "兰序", "素本堂", "泉慕", "葆露", "初霁"),
             (("面膜", 89, 2, 12), ("精华", 268, 1, 9), ("面霜", 199, 2, 8), ("洁面", 79, 5, 6),
              ("防晒", 99, 3, 7))),
    "彩妆": (("绯语", "朱颜记", "弥光", "半夏色", "黛与", "绘眉"),
             (("口红", 139, 1, 8), ("粉底", 189, 0.3, 6), ("眼影", 119, 0.2, 4))),
    "个护": (("清野", "松间", "皂田", "沐朝", "白瓷", "薄荷社"),
             (("洗发", 59, 7, 6), ("沐浴", 49, 6, 5), ("口腔", 39, 7, 5), ("剃须", 159, 8, 0.2))),
    "母婴": (("小芽", "贝壳湾", "暖团", "豆荚", "咿呀", "棉朵"),
             (("纸尿裤", 129, 3, 5), ("奶粉", 298, 3, 5), ("玩具", 99, 4, 5))),
    "食品": (("山野集", "早安麦", "渔火", "茶隐", "果木记", "半糖"),
             (("零食", 35, 7, 8), ("咖啡", 79, 7, 5), ("茶叶", 168, 6, 3), ("保健", 188, 4, 5))),
    "家居": (("木本", "拾屋", "素织", "云栖", "光里", "厨间"),
             (("床品", 299, 3, 5), ("厨具", 149, 4, 5), ("收纳", 69, 3, 5))),
    "运动": (("驰野", "青锋", "跃点", "山脊", "流速", "步界"),
             (("跑鞋", 459, 9, 4), ("健身", 129, 6, 4), ("户外", 259, 6, 2))),
}  # fmt: skip
_ITEMS_PER_BRAND = 4
_LISTED_DAYS, _OPENED_DAYS = 3 * 365, 10 * 365

_LEAVES = [(domain, *leaf) for domain, (_, leaves) in _RANGE.items() for leaf in leaves]
CATEGORIES = tuple(f"{domain}/{leaf}" for domain, leaf, *_ in _LEAVES)
BRANDS = tuple(brand for brands, _ in _RANGE.values() for brand in brands)
BRANDS_PER_DOMAIN = 6
_DOMAINS = tuple(_RANGE)
DOMAIN_OF_CATEGORY = np.array([_DOMAINS.index(domain) for domain, *_ in _LEAVES])
CATEGORY_WEIGHTS = {
    MALE: np.array([leaf[3] for leaf in _LEAVES]),
    FEMALE: np.array([leaf[4] for leaf in _LEAVES]),
}

STAFF_NUMBERS = 4_000_000
"""Phone number indexes of staff begin here, above those of customers."""
_STAFF_PER_STORE = 6
_TABLETS_PER_STORE = 1
_PERSONS_PER_STORE, _FEWEST_STORES, _MOST_STORES = 500, 8, 200


@dataclass(frozen=True, slots=True)
class Items:
    """The items table; every array is indexed by item code. `price` is scaled by 10^4; days count
    from 1970."""

    item_id: pa.Array
    name: pa.Array
    category: NDArray[np.int64]
    brand: NDArray[np.int64]
    price: NDArray[np.int64]
    listed_day: NDArray[np.int64]
    category_names: tuple[str, ...]
    brand_names: tuple[str, ...]

    def table(self) -> pa.Table:
        return pa.table(
            {
                "item_id": self.item_id,
                "name": self.name,
                "category": picked(self.category_names, self.category),
                "brand": picked(self.brand_names, self.brand),
                "price": decimals(self.price),
                "listed_on": dates(self.listed_day),
            }
        )


@dataclass(frozen=True, slots=True)
class Stores:
    """Stores with their staff and shared tablets; `staff_store` and `tablet_store` are store codes."""

    store_id: pa.Array
    city: NDArray[np.int64]
    opened_day: NDArray[np.int64]
    staff_id: pa.Array
    staff_name: pa.Array
    staff_store: NDArray[np.int64]
    staff_number: NDArray[np.int64]
    tablet_id: pa.Array
    tablet_store: NDArray[np.int64]

    @property
    def count(self) -> int:
        return len(self.store_id)

    def stores_table(self) -> pa.Table:
        name = joined(picked(places.CITIES, self.city), padded(np.arange(1, self.count + 1), 3), "店")
        city, province = picked(places.CITIES, self.city), picked(places.PROVINCES, self.city)
        region = picked(places.REGIONS, self.city)
        opened_on = dates(self.opened_day)
        return pa.table(
            {
                "store_id": self.store_id,
                "name": name,
                "city": city,
                "province": province,
                "region": region,
                "opened_on": opened_on,
            }
        )

    def staff_table(self) -> pa.Table:
        role = picked(["店长", "导购"], np.minimum(np.arange(len(self.staff_store)) % _STAFF_PER_STORE, 1))
        store_id = self.store_id.take(pa.array(self.staff_store))
        return pa.table(
            {"staff_id": self.staff_id, "name": self.staff_name, "store_id": store_id, "role": role}
        )


@dataclass(frozen=True, slots=True)
class Coupons:
    """Coupons in order of threshold; amounts are scaled by 10^4, days count from 1970."""

    coupon_id: pa.Array
    name: pa.Array
    threshold: NDArray[np.int64]
    amount: NDArray[np.int64]
    first_day: NDArray[np.int64]
    last_day: NDArray[np.int64]

    def table(self) -> pa.Table:
        return pa.table(
            {
                "coupon_id": self.coupon_id,
                "name": self.name,
                "kind": repeated("coupon", len(self.coupon_id)),
                "amount": decimals(self.amount),
                "valid_from": dates(self.first_day),
                "valid_until": dates(self.last_day),
            }
        )


def retail_items(seed: int, today: int) -> Items:
    """Four items of every brand in every category of its domain, priced around the category's usual price;
    listed in the three years before the day `today` (counted from 1970)."""
    rng = generator(seed, "items")
    pairs = [
        (category, domain * BRANDS_PER_DOMAIN + brand)
        for category, domain in enumerate(DOMAIN_OF_CATEGORY)
        for brand in range(BRANDS_PER_DOMAIN)
    ]
    category, brand = np.array(pairs).repeat(_ITEMS_PER_BRAND, axis=0).T
    usual = np.array([leaf[2] for leaf in _LEAVES])[category]
    level = np.exp(generator(seed, "brand levels").normal(0, 0.25, len(BRANDS)))[brand]
    yuan = np.maximum(np.round(usual * level * np.exp(rng.normal(0, 0.2, len(usual)))), 5)
    price = (yuan.astype(np.int64) * 10 - 1) * (SCALE // 10)
    number = padded(np.arange(len(price)) % _ITEMS_PER_BRAND + 1, 2)
    leaf = picked([leaf[1] for leaf in _LEAVES], category)
    name = joined(picked(BRANDS, brand), leaf, number)
    item_id = joined("SKU", padded(10_001 + np.arange(len(price)), 6))
    listed_day = today - rng.integers(1, _LISTED_DAYS, len(price))
    return Items(item_id, name, category, brand, price, listed_day, CATEGORIES, BRANDS)


def retail_stores(seed: int, persons: int, phone_numbers: NDArray[np.int64], today: int) -> Stores:
    """Stores in proportion to persons; `phone_numbers` are those of the staff (see
    `staff_indexes`); opened in the ten years before the day `today`."""
    rng = generator(seed, "stores")
    count = store_count(persons)
    staff = np.arange(count * _STAFF_PER_STORE)
    tablets = np.arange(count * _TABLETS_PER_STORE)
    return Stores(
        store_id=joined("S", padded(np.arange(1, count + 1), 4)),
        city=places.home_cities(rng, count),
        opened_day=today - rng.integers(30, _OPENED_DAYS, count),
        staff_id=joined("E", padded(staff + 1, 5)),
        staff_name=names.full_names(rng, rng.integers(0, 2, len(staff)).astype(np.int8)),
        staff_store=staff // _STAFF_PER_STORE,
        staff_number=phone_numbers,
        tablet_id=joined("pad-", hex_tokens(hashed(seed, "tablets", tablets), 16)),
        tablet_store=tablets // _TABLETS_PER_STORE,
    )


def store_count(persons: int) -> int:
    return min(max(persons // _PERSONS_PER_STORE, _FEWEST_STORES), _MOST_STORES)


def staff_indexes(persons: int) -> NDArray[np.int64]:
    """Phone number indexes of all staff."""
    return STAFF_NUMBERS + np.arange(store_count(persons) * _STAFF_PER_STORE, dtype=np.int64)


def retail_coupons(first: date, last: date) -> Coupons:
    """A newcomers' coupon, a standing one, and one for each promotion of the period."""
    rows: list[tuple[str, str, int, int, date, date]] = [
        ("NEW20", "新人券满99减20", 99, 20, first, last),
        ("MEMBER15", "会员券满150减15", 150, 15, first, last),
    ]
    for year in range(first.year, last.year + 1):
        rows.append((f"618-{year}", "618满300减50", 300, 50, date(year, 5, 31), date(year, 6, 20)))
        rows.append((f"D11-{year}", "双11满400减80", 400, 80, date(year, 10, 31), date(year, 11, 12)))
    rows = [row for row in rows if row[4] <= last and row[5] >= first]
    rows.sort(key=lambda row: (row[2], row[0]))
    begins = np.array([(row[4] - EPOCH).days for row in rows])
    ends = np.array([(row[5] - EPOCH).days for row in rows])
    return Coupons(
        pa.array([row[0] for row in rows]),
        pa.array([row[1] for row in rows]),
        np.array([row[2] * SCALE for row in rows]),
        np.array([row[3] * SCALE for row in rows]),
        begins,
        ends,
    )


class Shelf:
    """Draws items: a popularity per item, by category or by brand within a category."""

    def __init__(self, seed: int, items: Items) -> None:
        popularity = generator(seed, "popularity").pareto(1.6, len(items.price)) + 0.2
        self._by_category = _Ladder(items.category, popularity)
        self._by_pair = _Ladder(items.category * len(items.brand_names) + items.brand, popularity)
        self._brand_count = len(items.brand_names)

    def of_category(self, rng: np.random.Generator, category: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._by_category.draw(rng, category)

    def of_brand(
        self, rng: np.random.Generator, category: NDArray[np.int64], brand: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Item codes; the brand must sell in the category."""
        return self._by_pair.draw(rng, category * self._brand_count + brand)


class _Ladder:
    """Weighted draws within groups as one binary search: group g owns the interval [g, g + 1)."""

    def __init__(self, group: NDArray[np.int64], weight: NDArray[np.float64]) -> None:
        self._order = np.argsort(group, kind="stable")
        groups, starts = np.unique(group[self._order], return_index=True)
        sums = np.add.reduceat(weight[self._order], starts)
        sizes = np.diff(np.append(starts, len(group)))
        running = np.cumsum(weight[self._order] / np.repeat(sums, sizes))
        before = np.repeat(np.arange(len(groups)), sizes)
        self._edges = np.repeat(groups, sizes) + np.minimum(running - before, 1.0)
        self._edges[starts + sizes - 1] = groups + 1.0

    def draw(self, rng: np.random.Generator, group: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._order[np.searchsorted(self._edges, group + rng.random(len(group)), side="right")]


def gendered_categories(rng: np.random.Generator, gender: NDArray[np.int8]) -> NDArray[np.int64]:
    """A favourite category for each person."""
    drawn = {
        code: rng.choice(len(CATEGORIES), size=len(gender), p=weights / weights.sum())
        for code, weights in CATEGORY_WEIGHTS.items()
    }
    return np.where(gender == MALE, drawn[MALE], drawn[FEMALE])
