"""Customers of a retailer with a known truth: events and all that goes wrong with their identifiers.

What goes wrong: the stores' tablets carry the device id of nobody, families share a device, phones change hands after a
silence, forms are filled with placeholders, and at the till staff type their own phone. The rates are ours and are
written beside the figures; they say nothing about any market.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import NamedTuple

DAY_US = 86_400_000_000
START_US = 1_735_689_600_000_000
DAYS = 365
APP_ID = "wx_mini"
PLACEHOLDERS = {
    "phone": ("00000000000", "13800138000", "13800000000"),
    "device_id": ("00000000-0000-0000-0000-000000000000", "unknown", "null"),
    "member_id": ("0", "anonymous", "test"),
    "email": ("test@test.com", "a@a.com"),
}


@dataclass(frozen=True)
class Rates:
    """Shares of people, households or events; `silent_days` is how long a phone rests before it is given out again."""

    has_phone: float = 0.95
    has_member_id: float = 0.45
    has_openid: float = 0.6
    has_unionid: float = 0.5
    has_taobao_id: float = 0.35
    has_email: float = 0.2
    has_second_device: float = 0.2
    family_has_device: float = 0.15
    family_device_used: float = 0.25
    phone_recycled: float = 0.02
    silent_days: int = 90
    placeholder: float = 0.02
    staff_phone_at_till: float = 0.03
    visit_without_trace: float = 0.09


class Stated(NamedTuple):
    """An identifier as the source wrote it."""

    namespace: str
    value: str
    scope: str = ""


class CrowdEvent(NamedTuple):
    """`person` is the truth."""

    person: int
    time_us: int
    source: str
    identifiers: tuple[Stated, ...]


@dataclass
class _Customer:
    number: int
    family: int
    family_device: str
    phone: str
    phone_from_us: int
    phone_until_us: int
    ids: dict[str, Stated]
    devices: list[str]


class Crowd:
    """`people` customers of stores with a tablet and five staff for each 200 of them."""

    def __init__(self, people: int, seed: int, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self._random = Random(seed)
        self._stores = max(1, people // 200)
        self._staff = [_phone(900_000_000 + n) for n in range(self._stores * 5)]
        self._people = self._make_people(people)

    def sizes(self) -> dict[str, float]:
        """The rates, to be written beside the figures."""
        return {f"rate_{name}": value for name, value in asdict(self.rates).items()}

    def events(self, count: int) -> list[CrowdEvent]:
        """Events of people taken at random, in no order."""
        return [self._event(self._random.choice(self._people)) for _ in range(count)]

    def _make_people(self, count: int) -> list[_Customer]:
        draw, rates = self._random, self.rates
        people: list[_Customer] = []
        family = 0
        while len(people) < count:
            family += 1
            size = draw.choice((1, 1, 2, 3, 4))
            device = f"family-{family:07d}" if size > 1 and draw.random() < rates.family_has_device else ""
            for _ in range(min(size, count - len(people))):
                people.append(self._make_customer(len(people), family, device))
        end_us = START_US + DAYS * DAY_US
        for taker in draw.sample(people, int(count * rates.phone_recycled)):
            giver = draw.choice(people)
            if giver.phone and giver is not taker and giver.phone_until_us == end_us:
                handed_us = START_US + draw.randrange(60, 240) * DAY_US
                giver.phone_until_us = handed_us
                taker.phone, taker.phone_from_us = giver.phone, handed_us + rates.silent_days * DAY_US
        return people

    def _make_customer(self, number: int, family: int, family_device: str) -> _Customer:
        draw, rates = self._random, self.rates
        ids: dict[str, Stated] = {}
        if draw.random() < rates.has_member_id:
            ids["member_id"] = Stated("member_id", f"M{number:08d}")
        if draw.random() < rates.has_openid:
            ids["wechat_openid"] = Stated("wechat_openid", f"o-open-{number:010d}", APP_ID)
            if draw.random() < rates.has_unionid:
                ids["wechat_unionid"] = Stated("wechat_unionid", f"o-union-{number:010d}")
        if draw.random() < rates.has_taobao_id:
            ids["taobao_id"] = Stated("taobao_id", f"tb{number}")
        if draw.random() < rates.has_email:
            ids["email"] = Stated("email", f"c{number}@mail.example.cn")
        devices = [f"device-{number:08d}-{n}" for n in range(1 + (draw.random() < rates.has_second_device))]
        phone = _phone(number) if draw.random() < rates.has_phone else ""
        return _Customer(
            number, family, family_device, phone, START_US, START_US + DAYS * DAY_US, ids, devices
        )

    def _event(self, customer: _Customer) -> CrowdEvent:
        time_us = START_US + self._random.randrange(DAYS * DAY_US)
        place = self._random.random()
        if place < self.rates.visit_without_trace:
            source, found = (
                "official_account",
                [Stated("device_id", f"visit-{self._random.getrandbits(60):x}")],
            )
        elif place < 0.42:
            source, found = "app", self._in_app(customer, time_us)
        elif place < 0.64:
            source, found = "mini_program", self._in_mini_program(customer, time_us)
        elif place < 0.80:
            source, found = "shop", self._in_shop(customer, time_us)
        elif place < 0.95:
            source, found = "pos", self._at_till(customer, time_us)
        else:
            source, found = "booking", self._at_tablet(customer, time_us)
        return CrowdEvent(customer.number, time_us, source, tuple(map(self._spoilt, found)))

    def _in_app(self, customer: _Customer, time_us: int) -> list[Stated]:
        draw = self._random
        on_family = customer.family_device and draw.random() < self.rates.family_device_used
        found = [Stated("device_id", customer.family_device if on_family else draw.choice(customer.devices))]
        if draw.random() < 0.7:
            found += self._login(customer, time_us)
        return found

    def _in_mini_program(self, customer: _Customer, time_us: int) -> list[Stated]:
        if "wechat_openid" not in customer.ids:
            return self._in_app(customer, time_us)
        found = [customer.ids["wechat_openid"]]
        if "wechat_unionid" in customer.ids and self._random.random() < 0.5:
            found.append(customer.ids["wechat_unionid"])
        return found + (self._phone_of(customer, time_us) if self._random.random() < 0.7 else [])

    def _in_shop(self, customer: _Customer, time_us: int) -> list[Stated]:
        found = [customer.ids[name] for name in ("taobao_id", "email") if name in customer.ids]
        return found + self._phone_of(customer, time_us)

    def _at_till(self, customer: _Customer, time_us: int) -> list[Stated]:
        draw = self._random
        if draw.random() < self.rates.staff_phone_at_till:
            known = [customer.ids["member_id"]] if "member_id" in customer.ids and draw.random() < 0.5 else []
            return [Stated("phone", draw.choice(self._staff)), *known]
        return self._login(customer, time_us)

    def _at_tablet(self, customer: _Customer, time_us: int) -> list[Stated]:
        tablet = Stated("device_id", f"tablet-{self._random.randrange(self._stores):05d}")
        return [tablet, *(self._login(customer, time_us) if self._random.random() < 0.95 else [])]

    def _login(self, customer: _Customer, time_us: int) -> list[Stated]:
        """By member id where there is one, mostly with the phone; else by phone."""
        found = [customer.ids["member_id"]] if "member_id" in customer.ids else []
        if not found or self._random.random() < 0.7:
            found += self._phone_of(customer, time_us)
        return found

    def _phone_of(self, customer: _Customer, time_us: int) -> list[Stated]:
        if not customer.phone or not customer.phone_from_us <= time_us < customer.phone_until_us:
            return []
        return [Stated("phone", customer.phone)]

    def _spoilt(self, stated: Stated) -> Stated:
        values: Sequence[str] = PLACEHOLDERS.get(stated.namespace, ())
        if values and self._random.random() < self.rates.placeholder:
            return stated._replace(value=self._random.choice(values))
        return stated


def _phone(number: int) -> str:
    return (
        f"1{(35, 36, 37, 38, 39, 50, 51, 52, 58, 59)[number // 100_000_000 % 10]}{number % 100_000_000:08d}"
    )
