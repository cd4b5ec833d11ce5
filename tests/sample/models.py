"""The models of a shop, as they are before anything has changed.

The text is put into an application; later models are this text with parts replaced.
"""

import datetime as dt
import decimal
import enum
import typing as t
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

KIND = "sqlite"


class Base(DeclarativeBase):
    type_annotation_map: t.ClassVar = {
        decimal.Decimal: sa.Numeric(10, 2),
        dict[str, t.Any]: sa.JSON,
    }


class OrderStatus(enum.Enum):
    new = "new"
    paid = "paid"
    shipped = "shipped"
    cancelled = "cancelled"


order_status = sa.Enum(OrderStatus, name="order_status", create_constraint=True)
payment_method = sa.Enum(
    "card", "cash", "cheque", name="payment_method", create_constraint=True
)


class Country(Base):
    __tablename__ = "countries"
    code: Mapped[str] = mapped_column(sa.String(2), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(60), unique=True)


class Currency(Base):
    __tablename__ = "currencies"
    code: Mapped[str] = mapped_column(sa.String(3), primary_key=True)
    digits: Mapped[int] = mapped_column(sa.SmallInteger, server_default="2")


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(120), unique=True)
    name: Mapped[str] = mapped_column(sa.String(80), index=True)
    token: Mapped[uuid.UUID] = mapped_column(unique=True)
    born: Mapped[dt.date | None]
    blocked: Mapped[bool] = mapped_column(server_default=sa.false())
    country_code: Mapped[str | None] = mapped_column(
        sa.ForeignKey("countries.code", ondelete="SET NULL")
    )
    settings: Mapped[dict[str, t.Any] | None]
    joined: Mapped[dt.datetime] = mapped_column(server_default=sa.func.now())


class Address(Base):
    __tablename__ = "addresses"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        sa.ForeignKey("customers.id", ondelete="CASCADE"), index=True
    )
    street: Mapped[str] = mapped_column(sa.String(100))
    zip: Mapped[int | None]
    country_code: Mapped[str] = mapped_column(sa.ForeignKey("countries.code"))


class Staff(Base):
    __tablename__ = "staff"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80), index=True)
    boss_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("staff.id", ondelete="SET NULL")
    )
    __table_args__ = (sa.CheckConstraint("name <> ''", name="has_name"),)


class Supplier(Base):
    __tablename__ = "suppliers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    phone: Mapped[str | None] = mapped_column(sa.String(30))
    rating: Mapped[int | None]


class Category(Base):
    __tablename__ = "categories"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("categories.id"))
    title: Mapped[str] = mapped_column(sa.String(50))
    path: Mapped[str] = mapped_column(sa.String(200))


class Brand(Base):
    __tablename__ = "brands"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50))
    site: Mapped[str | None] = mapped_column(sa.String(100))
    __table_args__ = (sa.UniqueConstraint("name"),)


class Product(Base):
    __tablename__ = "products"
    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(sa.String(20), unique=True)
    title: Mapped[str] = mapped_column(sa.String(120))
    price: Mapped[decimal.Decimal]
    weight: Mapped[int | None]
    state: Mapped[str] = mapped_column(
        sa.Enum("draft", "live", "old", name="product_state"), server_default="draft"
    )
    brand_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("brands.id", ondelete="SET NULL")
    )
    supplier_id: Mapped[int | None] = mapped_column(sa.ForeignKey("suppliers.id"))
    added: Mapped[dt.datetime] = mapped_column(server_default=sa.func.now())
    __table_args__ = (sa.CheckConstraint("price >= 0", name="price_is_right"),)


products_categories = sa.Table(
    "products_categories",
    Base.metadata,
    sa.Column("product_id", sa.ForeignKey("products.id"), primary_key=True),
    sa.Column("category_id", sa.ForeignKey("categories.id"), primary_key=True),
)


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(sa.String(30))
    __table_args__ = (sa.UniqueConstraint("word"),)


products_tags = sa.Table(
    "products_tags",
    Base.metadata,
    sa.Column(
        "product_id", sa.ForeignKey("products.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("tag_id", sa.ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True),
)


class Warehouse(Base):
    __tablename__ = "warehouses"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40), unique=True)
    zone: Mapped[str] = mapped_column(
        sa.Enum(
            "north", "south", name="zone", native_enum=False, create_constraint=True
        )
    )


class Stock(Base):
    __tablename__ = "stock"
    product_id: Mapped[int] = mapped_column(
        sa.ForeignKey("products.id"), primary_key=True
    )
    warehouse_id: Mapped[int] = mapped_column(
        sa.ForeignKey("warehouses.id"), primary_key=True
    )
    quantity: Mapped[int] = mapped_column(server_default="0")
    reserved: Mapped[int] = mapped_column(server_default="0")
    __table_args__ = (sa.CheckConstraint("quantity >= 0"),)


class PriceList(Base):
    __tablename__ = "price_lists"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    currency: Mapped[str] = mapped_column(sa.ForeignKey("currencies.code"))
    starts: Mapped[dt.date]
    __table_args__ = (sa.Index("ix_price_lists_starts", "starts"),)


class Price(Base):
    __tablename__ = "prices"
    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(sa.ForeignKey("price_lists.id"))
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"))
    amount: Mapped[decimal.Decimal]
    __table_args__ = (sa.UniqueConstraint("list_id", "product_id"),)


class Cart(Base):
    __tablename__ = "carts"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customers.id"))
    key: Mapped[uuid.UUID]
    changed: Mapped[dt.datetime | None]


class CartItem(Base):
    __tablename__ = "cart_items"
    id: Mapped[int] = mapped_column(primary_key=True)
    cart_id: Mapped[int] = mapped_column(sa.ForeignKey("carts.id", ondelete="CASCADE"))
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"))
    pieces: Mapped[int] = mapped_column(server_default="1")
    doubled: Mapped[int | None] = mapped_column(
        sa.Computed("pieces * 2", persisted=True)
    )


class Coupon(Base):
    __tablename__ = "coupons"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(20), unique=True)
    percent: Mapped[int] = mapped_column(sa.SmallInteger)
    until: Mapped[dt.date | None]
    __table_args__ = (sa.CheckConstraint("percent <= 100", name="percent_is_right"),)


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(sa.String(20), unique=True)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customers.id"), index=True)
    staff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    coupon_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("coupons.id", name="fk_order_coupon")
    )
    status: Mapped[OrderStatus] = mapped_column(
        order_status, server_default=OrderStatus.new.name
    )
    note: Mapped[str | None] = mapped_column(sa.Text)
    placed: Mapped[dt.datetime] = mapped_column(server_default=sa.func.now())


class OrderItem(Base):
    __tablename__ = "order_items"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(
        sa.ForeignKey("orders.id", ondelete="CASCADE")
    )
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"))
    pieces: Mapped[int]
    price: Mapped[decimal.Decimal]
    __table_args__ = (sa.UniqueConstraint("order_id", "product_id", name="uq_line"),)


class Payment(Base):
    __tablename__ = "payments"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"))
    method: Mapped[str] = mapped_column(payment_method)
    amount: Mapped[decimal.Decimal]
    fee: Mapped[float | None] = mapped_column(sa.Float)
    reference: Mapped[str | None] = mapped_column(sa.String(40))


class Shipment(Base):
    __tablename__ = "shipments"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"))
    tracking: Mapped[str | None] = mapped_column(sa.String(40))
    sent: Mapped[dt.datetime | None]


class Review(Base):
    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"))
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customers.id"))
    stars: Mapped[int] = mapped_column(sa.SmallInteger)
    body: Mapped[str | None] = mapped_column(sa.Text)
    __table_args__ = (sa.CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),)


class Subscription(Base):
    __tablename__ = "subscriptions"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(120))
    active: Mapped[bool] = mapped_column(server_default=sa.true())
    source: Mapped[str | None] = mapped_column(sa.String(20))
    since: Mapped[dt.datetime] = mapped_column(server_default=sa.func.now())


class AuditEntry(Base):
    __tablename__ = "audit_entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(server_default=sa.func.now())
    what: Mapped[str] = mapped_column(sa.String(100))
    payload: Mapped[bytes | None] = mapped_column(sa.LargeBinary)


class Newsletter(Base):
    __tablename__ = "newsletters"
    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(sa.String(80))
    kind: Mapped[str] = mapped_column(sa.Enum("offer", "news", name="letter_kind"))
