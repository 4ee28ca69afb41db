"""Customers whom two systems know under other numbers: names, dates and places are all that tells who is who."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超霞平刚英华玉萍红玲芬燕彬凤洁梅琳晨雪婷建文博宇浩"
PLACES = (
    "江苏省淮安市洪泽区",
    "湖北省十堰市竹山县",
    "四川省成都市武侯区",
    "广东省深圳市南山区",
    "上海市松江区",
)
MAILS = ("qq.com", "163.com")


@dataclass(frozen=True)
class Customer:
    """One person as one system writes them."""

    name: str
    gender: str
    birth_date: date
    address: str
    email: str


def people(count: int, seed: int) -> Sequence[Customer]:
    """Different people; names repeat, dates hardly."""
    draw = random.Random(seed)
    return [
        Customer(
            draw.choice(SURNAMES) + "".join(draw.sample(GIVEN, draw.choice((1, 2, 2)))),
            draw.choice(("male", "female")),
            date(1960, 1, 1) + timedelta(days=draw.randrange(16_000)),
            f"{draw.choice(PLACES)}{draw.choice(GIVEN)}{draw.choice(GIVEN)}路{draw.randrange(1, 400)}号",
            f"u{number}@{draw.choice(MAILS)}",
        )
        for number in range(count)
    ]


def rewritten(customer: Customer, draw: random.Random) -> Customer:
    """The same person as the other system writes them: a title, a space, or a character put in."""
    name = customer.name
    way = draw.randrange(4)
    if way == 1:
        name += draw.choice(("先生", "女士"))
    elif way == 2:
        name = f"{name[0]} {name[1:]}"
    elif way == 3 and len(name) == 2:
        name = f"{name[0]}小{name[1]}"
    return replace(customer, name=name)
