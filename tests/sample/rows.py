"""What is in the shop's tables, and what is expected of it later."""

from __future__ import annotations

import copy
import datetime as dt
import typing as t
import uuid
from decimal import Decimal

import sqlalchemy as sa

Row: t.TypeAlias = dict[str, t.Any]
Rows: t.TypeAlias = dict[str, list[Row]]

NOON = dt.datetime(2024, 2, 29, 12, 0)
DAY = dt.date(2024, 2, 29)
KEYS = [uuid.UUID(int=number) for number in range(1, 4)]


def table(columns: str, *rows: tuple[t.Any, ...]) -> list[Row]:
    """Rows, with the names of their columns."""
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


def first() -> Rows:
    """The rows that are there before anything has changed."""
    return copy.deepcopy(_FIRST)


_FIRST: Rows = {
    "countries": table("code name", ("at", "Österreich"), ("ch", "Schweiz")),
    "currencies": table("code digits", ("CHF", 2), ("EUR", 2)),
    "customers": table(
        "id email name token born blocked country_code settings joined",
        (1, "ann@a.at", "Ann", KEYS[0], DAY, False, "at", {"dark": True}, NOON),
        (2, "bob@b.ch", "Bob", KEYS[1], None, True, None, None, NOON),
    ),
    "addresses": table(
        "id customer_id street zip country_code",
        (1, 1, "Ring 5", 1010, "at"),
        (2, 2, "Gasse 100%", None, "ch"),
    ),
    "staff": table("id name boss_id", (1, "Eve", None), (2, "Max", 1), (3, "Zoe", 1)),
    "suppliers": table(
        "id name phone rating",
        (1, "Huber & Co.", "+43 1", 5),
        (2, "O'Neil", None, None),
    ),
    "categories": table(
        "id parent_id title path", (1, None, "All", "/"), (2, 1, "Mugs", "/mugs")
    ),
    "brands": table("id name site", (1, "Krug", "krug.at"), (2, "Tasse", None)),
    "products": table(
        "id sku title price weight state brand_id supplier_id added",
        (1, "M-1", "Mug: blue", Decimal("9.90"), 300, "live", 1, 1, NOON),
        (2, "M-2", "Mug 'red'", Decimal("10.00"), None, "draft", None, 2, NOON),
        (3, "P-1", "Poster", Decimal("0.50"), 20, "old", 2, None, NOON),
    ),
    "products_categories": table("product_id category_id", (1, 2), (2, 1), (2, 2)),
    "tags": table("id word", (1, "blue"), (2, "red")),
    "products_tags": table("product_id tag_id", (1, 1), (2, 2)),
    "warehouses": table("id name zone", (1, "Linz", "north"), (2, "Graz", "south")),
    "stock": table(
        "product_id warehouse_id quantity reserved", (1, 1, 7, 2), (2, 2, 0, 0)
    ),
    "price_lists": table(
        "id name currency starts", (1, "Retail", "EUR", DAY), (2, "Swiss", "CHF", DAY)
    ),
    "prices": table(
        "id list_id product_id amount",
        (1, 1, 1, Decimal("9.90")),
        (2, 2, 1, Decimal("11.25")),
    ),
    "carts": table(
        "id customer_id key changed", (1, 1, KEYS[0], NOON), (2, None, KEYS[1], None)
    ),
    "cart_items": table(
        "id cart_id product_id pieces doubled", (1, 1, 1, 3, 6), (2, 2, 2, 1, 2)
    ),
    "coupons": table(
        "id code percent until", (1, "TEN", 10, DAY), (2, "ALL", 100, None)
    ),
    "orders": table(
        "id number customer_id staff_id coupon_id status note placed",
        (1, "A-1", 1, 2, 1, "paid", "ring twice", NOON),
        (2, "A-2", 1, None, None, "new", None, NOON),
        (3, "A-3", 2, 3, 2, "shipped", "", NOON),
    ),
    "order_items": table(
        "id order_id product_id pieces price",
        (1, 1, 1, 2, Decimal("9.90")),
        (2, 3, 2, 1, Decimal("10.00")),
    ),
    "payments": table(
        "id order_id method amount fee reference",
        (1, 1, "card", Decimal("19.80"), 0.25, "ref"),
        (2, 3, "cash", Decimal("10.00"), None, None),
    ),
    "shipments": table("id order_id tracking sent", (1, 3, "ZZ 9", NOON)),
    "reviews": table(
        "id product_id customer_id stars body", (1, 1, 1, 5, "Fine"), (2, 1, 2, 2, None)
    ),
    "subscriptions": table(
        "id email active source since",
        (1, "ann@a.at", True, "shop", NOON),
        (2, "bob@b.ch", False, None, NOON),
    ),
    "audit_entries": table("id at what payload", (1, NOON, "opened", b"\x00\xff")),
    "newsletters": table("id subject kind", (1, "Mugs", "offer")),
}


def fill(connection: sa.Connection, metadata: sa.MetaData, rows: Rows) -> None:
    """Insert rows by the models; what the database finds itself is left to it."""
    for item in metadata.sorted_tables:
        own = [_given(item, row) for row in rows.get(item.name, [])]
        if own:
            connection.execute(item.insert(), own)


def _given(item: sa.Table, row: Row) -> Row:
    counted = item.autoincrement_column
    return {
        name: value
        for name, value in row.items()
        if item.columns[name].computed is None and item.columns[name] is not counted
    }


def read(connection: sa.Connection, metadata: sa.MetaData) -> Rows:
    """All rows, as the models read them, in the order of their keys."""
    found: Rows = {}
    for item in metadata.sorted_tables:
        query = sa.select(item).order_by(*item.primary_key)
        found[item.name] = [
            {name: _plain(value) for name, value in row.items()}
            for row in connection.execute(query).mappings()
        ]
    return found


def _plain(value: t.Any) -> t.Any:
    """A member of an enumeration as its name, which is what the database has."""
    return getattr(value, "name", value)
