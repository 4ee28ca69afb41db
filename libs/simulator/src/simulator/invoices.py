"""The invoices of the UCI Online Retail data set (D. Chen, CC BY 4.0) as orders and cancellations."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator.catalogue import Items
from simulator.manifest import BadRequestError

COLUMNS = frozenset(
    {"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"}
)
MOST_ROWS = 20_000_000

# The first word found in a description names the category; the order settles ties.
_CATEGORIES = {
    "家居/照明": ("LIGHT", "LANTERN", "LAMP", "CANDLE", "T-LIGHT"),
    "箱包/袋": ("BAG", "BACKPACK", "PURSE", "LUGGAGE"),
    "厨房/餐具": (
        "MUG",
        "CUP",
        "PLATE",
        "BOWL",
        "TEA",
        "CAKE",
        "SPOON",
        "JAR",
        "BOTTLE",
        "LUNCH",
        "BAKING",
        "TRAY",
    ),
    "节日/装饰": ("CHRISTMAS", "BUNTING", "EASTER", "WREATH", "DECORATION", "PARTY", "BALLOON", "GARLAND"),
    "文具/纸品": ("CARD", "PAPER", "PENCIL", "PEN", "NOTEBOOK", "WRAP", "STICKER", "RIBBON", "BOOK"),
    "家居/收纳": ("BOX", "TIN", "BASKET", "DRAWER", "STORAGE", "HOOK", "HANGER", "RACK"),
    "家居/钟画": ("CLOCK", "FRAME", "SIGN", "MIRROR", "HEART"),
    "玩具/游戏": ("DOLL", "TOY", "GAME", "PUZZLE", "PLAYHOUSE", "CHILD", "KIDS"),
    "家纺/布艺": ("CUSHION", "TOWEL", "APRON", "QUILT", "RUG", "DOORMAT", "HOT WATER"),
    "园艺/户外": ("GARDEN", "PLANT", "FLOWER", "PICNIC", "UMBRELLA", "BIRD"),
    "饰品/首饰": ("NECKLACE", "BRACELET", "EARRING", "RING", "BROOCH"),
}
_OTHER = "杂货/其他"

_LINES = """
    CREATE TEMP VIEW lines AS
    SELECT CustomerID AS customer, InvoiceNo AS invoice, StockCode AS item, Description AS description,
           epoch(InvoiceDate)::BIGINT AS second, Quantity::BIGINT AS quantity,
           (UnitPrice::DECIMAL(18, 4) * 10000)::BIGINT AS price, file_row_number AS line,
           starts_with(InvoiceNo, 'C') AS cancelled
    FROM read_parquet({path}, file_row_number = true)
    WHERE CustomerID IS NOT NULL AND UnitPrice > 0
      AND (Quantity > 0 OR starts_with(InvoiceNo, 'C'))
"""
_PAID_LINES = """
    SELECT invoice, item, quantity, price FROM lines
    JOIN (SELECT invoice AS of, max(second) AS paid_at FROM lines WHERE NOT cancelled GROUP BY invoice)
      ON invoice = of
    ORDER BY paid_at, invoice, line
"""
_INVOICES = """
    SELECT invoice, any_value(customer) AS customer, max(second) AS second, count(*) AS lines,
           sum(abs(quantity) * price)::BIGINT AS amount
    FROM lines WHERE cancelled = {cancelled} GROUP BY invoice ORDER BY second, invoice
"""
_ITEMS = """
    SELECT item, arg_max(description, line) AS description, arg_max(price, line) AS price,
           (min(second) // 86400)::BIGINT AS listed_day
    FROM lines WHERE NOT cancelled GROUP BY item ORDER BY item
"""


@dataclass(frozen=True, slots=True)
class Invoices:
    """Paid and cancelled invoices, each in order of time and number; amounts are scaled by 10^4.

    `customer` lists all customers who ever paid or cancelled, ascending; `buyer` are positions in it. Times
    are seconds of the wall clock of the file. Lines of paid invoice i are `first_line[i]` up to
    `first_line[i + 1]`, in the file's order, repeated ones included; `item` are codes of `items`.
    """

    customer: NDArray[np.int64]
    items: Items
    number: pa.Array
    buyer: NDArray[np.int64]
    second: NDArray[np.int64]
    amount: NDArray[np.int64]
    first_line: NDArray[np.int64]
    item: NDArray[np.int64]
    quantity: NDArray[np.int64]
    line_amount: NDArray[np.int64]
    cancelled_number: pa.Array
    cancelled_buyer: NDArray[np.int64]
    cancelled_second: NDArray[np.int64]
    cancelled_amount: NDArray[np.int64]


def read_invoices(parquet: Path) -> Invoices:
    """Read the data set. A paid invoice has its lines with a positive quantity and price, and the time of its
    last line; a cancelled one (number starting with C) a positive amount. Rows without a customer are left
    out.

    BadRequestError when the file is missing, is no Parquet file, lacks columns, or is too large.
    """
    with duckdb.connect() as connection:
        _check(connection, parquet)
        connection.execute(_LINES.format(path=_quoted(parquet)))
        paid = connection.sql(_INVOICES.format(cancelled="false")).to_arrow_table()
        cancelled = connection.sql(_INVOICES.format(cancelled="true")).to_arrow_table()
        lines = connection.sql(_PAID_LINES).to_arrow_table()
        items = connection.sql(_ITEMS).to_arrow_table()
    customer = np.unique(np.concatenate([_numbers(paid, "customer"), _numbers(cancelled, "customer")]))
    quantity = _numbers(lines, "quantity")
    code = pc.index_in(lines["item"], value_set=items["item"].combine_chunks())
    return Invoices(
        customer=customer,
        items=_items(items),
        number=paid["invoice"].combine_chunks(),
        buyer=np.searchsorted(customer, _numbers(paid, "customer")),
        second=_numbers(paid, "second"),
        amount=_numbers(paid, "amount"),
        first_line=np.concatenate([[0], np.cumsum(_numbers(paid, "lines"))]),
        item=code.to_numpy().astype(np.int64),
        quantity=quantity,
        line_amount=quantity * _numbers(lines, "price"),
        cancelled_number=cancelled["invoice"].combine_chunks(),
        cancelled_buyer=np.searchsorted(customer, _numbers(cancelled, "customer")),
        cancelled_second=_numbers(cancelled, "second"),
        cancelled_amount=_numbers(cancelled, "amount"),
    )


def _check(connection: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    if not parquet.is_file():
        raise BadRequestError(f"{parquet} is not a file: name the Online Retail Parquet file")
    try:
        columns = connection.sql(f"SELECT * FROM read_parquet({_quoted(parquet)})").columns  # noqa: S608
    except duckdb.Error as error:
        raise BadRequestError(f"{parquet} cannot be read as Parquet: name the Online Retail file") from error
    missing = sorted(COLUMNS - set(columns))
    if missing:
        raise BadRequestError(
            f"{parquet} lacks the columns {', '.join(missing)} of the Online Retail data set"
        )
    rows = connection.sql(f"SELECT count(*) FROM read_parquet({_quoted(parquet)})").fetchall()[0][0]  # noqa: S608
    if rows > MOST_ROWS:
        raise BadRequestError(f"{parquet} has {rows} rows: the overlay takes at most {MOST_ROWS}")


def _quoted(parquet: Path) -> str:
    return "'" + str(parquet).replace("'", "''") + "'"


def _numbers(table: pa.Table, column: str) -> NDArray[np.int64]:
    values: NDArray[np.int64] = table[column].to_numpy().astype(np.int64)
    return values


def _items(table: pa.Table) -> Items:
    names = table["description"].combine_chunks()
    category_names = (*_CATEGORIES, _OTHER)
    category = np.full(len(names), len(_CATEGORIES), dtype=np.int64)
    for code, words in reversed(list(enumerate(_CATEGORIES.values()))):
        found = pc.match_substring_regex(pc.utf8_upper(names), rf"\b({'|'.join(words)})S?\b")
        category[pc.fill_null(found, False).to_numpy(zero_copy_only=False)] = code
    brand = np.full(len(names), -1, dtype=np.int64)
    return Items(
        table["item"].combine_chunks(),
        names,
        category,
        brand,
        _numbers(table, "price"),
        _numbers(table, "listed_day"),
        category_names,
        (),
    )


def last_second(invoices: Invoices) -> int:
    """The time of the last invoice, paid or cancelled."""
    times = np.concatenate([invoices.second, invoices.cancelled_second])
    if not len(times):
        raise BadRequestError("no invoice has a customer: name the Online Retail Parquet file")
    return int(times.max())
