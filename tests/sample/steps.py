"""The ten steps of the shop's models."""

from __future__ import annotations

from sample.changes import both
from sample.changes import Change
from sample.changes import changed
from sample.changes import column_renamed
from sample.changes import gone
from sample.changes import no_rows
from sample.changes import replaced
from sample.changes import Step
from sample.changes import table_gone
from sample.changes import table_renamed

WITH_COMMENTS = ("postgresql", "mariadb")
WITH_PARTIAL_INDEXES = ("sqlite", "postgresql")

TABLES = Step(
    "tables get other names",
    (
        Change(
            "A table gets another name; an index is named after it, two tables and it"
            " itself refer to it",
            ("staff", "employees", "orders"),
            {
                '__tablename__ = "staff"': '__tablename__ = "employees"',
                '"staff.id"': '"employees.id"',
            },
            up=table_renamed("staff", "employees"),
            renames={"staff": "employees"},
        ),
        Change(
            'A table gets another name; the model says `info={"was": …}`',
            ("suppliers", "vendors", "products"),
            {
                '__tablename__ = "suppliers"': '__tablename__ = "vendors"\n'
                '    __table_args__: t.ClassVar = {"info": {"was": "suppliers"}}',
                '"suppliers.id"': '"vendors.id"',
            },
            up=table_renamed("suppliers", "vendors"),
        ),
    ),
)

COLUMNS = Step(
    "columns get other names",
    (
        Change(
            "A column with an index gets another name",
            ("customers",),
            {
                "    name: Mapped[str] = mapped_column(sa.String(80), index=True)\n"
                "    token": "    full_name: Mapped[str] = mapped_column(sa.String(80),"
                " index=True)\n    token"
            },
            up=column_renamed("customers", "name", "full_name"),
            renames={"customers.name": "full_name"},
        ),
        Change(
            'A column gets another name; the model says `info={"was": …}`',
            ("shipments",),
            {
                "tracking: Mapped[str | None] = mapped_column(sa.String(40))": "parcel:"
                " Mapped[str | None] = mapped_column(sa.String(40),"
                ' info={"was": "tracking"})'
            },
            up=column_renamed("shipments", "tracking", "parcel"),
        ),
        Change(
            "A column gets another name and another type",
            ("subscriptions",),
            {
                "source: Mapped[str | None] = mapped_column(sa.String(20))": "origin:"
                " Mapped[str | None] = mapped_column(sa.String(40))"
            },
            up=column_renamed("subscriptions", "source", "origin"),
            renames={"subscriptions.source": "origin"},
        ),
        Change(
            "A primary key that others refer to gets another name",
            ("tags", "products_tags"),
            {
                '__tablename__ = "tags"\n    id:': '__tablename__ = "tags"\n    number:',
                '"tags.id"': '"tags.number"',
            },
            up=column_renamed("tags", "id", "number"),
            renames={"tags.id": "number"},
        ),
    ),
)

BOTH = Step(
    "tables and their columns get other names",
    (
        Change(
            "A table and two of its columns get other names; a check and a unique"
            " constraint use them",
            ("coupons", "vouchers", "orders"),
            {
                '__tablename__ = "coupons"': '__tablename__ = "vouchers"',
                '"coupons.id"': '"vouchers.id"',
                "    code: Mapped[str] = mapped_column(sa.String(20), unique=True)": "  "
                "  word: Mapped[str] = mapped_column(sa.String(20), unique=True)",
                "percent: Mapped": "discount: Mapped",
                "percent <= 100": "discount <= 100",
            },
            up=both(
                table_renamed("coupons", "vouchers"),
                column_renamed("vouchers", "code", "word"),
                column_renamed("vouchers", "percent", "discount"),
            ),
            renames={
                "coupons": "vouchers",
                "coupons.code": "word",
                "coupons.percent": "discount",
            },
        ),
        Change(
            "A table, one of its columns and the foreign key column of another table"
            " get other names",
            ("carts", "baskets", "cart_items"),
            {
                '__tablename__ = "carts"': '__tablename__ = "baskets"',
                '"carts.id"': '"baskets.id"',
                "key: Mapped[uuid.UUID]": "secret: Mapped[uuid.UUID]",
                "cart_id: Mapped": "basket_id: Mapped",
            },
            up=both(
                table_renamed("carts", "baskets"),
                column_renamed("baskets", "key", "secret"),
                column_renamed("cart_items", "cart_id", "basket_id"),
            ),
            renames={
                "carts": "baskets",
                "carts.key": "secret",
                "cart_items.cart_id": "basket_id",
            },
        ),
    ),
)

MORE_VALUES = Step(
    "enums get more values",
    (
        Change(
            "An enum gets a value, between others",
            ("orders",),
            {'    paid = "paid"\n': '    paid = "paid"\n    refunded = "refunded"\n'},
        ),
        Change(
            "An enum gets a value, at the end",
            ("products",),
            {'"draft", "live", "old"': '"draft", "live", "old", "hidden"'},
        ),
        Change(
            "An enum that is a VARCHAR with a check gets a longer value",
            ("warehouses",),
            {'"north", "south"': '"north", "middle", "south"'},
        ),
        Change(
            "A column with a new enum",
            ("subscriptions",),
            {
                '__tablename__ = "subscriptions"\n': '__tablename__ = "subscriptions"\n'
                "    level: Mapped[str | None] = mapped_column(\n"
                '        sa.Enum("basic", "gold", name="level", create_constraint=True)\n'
                "    )\n"
            },
            up=changed("subscriptions", "level", lambda _: None),
        ),
    ),
)

OTHER_VALUES = Step(
    "enums lose values",
    (
        Change(
            "An enum loses a value",
            ("payments",),
            {'"card", "cash", "cheque"': '"card", "cash"'},
        ),
        Change(
            "An enum with a default loses a value",
            ("products",),
            {'"draft", "live", "old", "hidden"': '"draft", "live", "old"'},
        ),
        Change(
            "An enum's value gets another name",
            ("orders",),
            {'    paid = "paid"\n': '    settled = "settled"\n'},
            up=replaced("orders", "status", "paid", "settled"),
            renames={"orders.status.paid": "settled"},
        ),
        Change(
            "An enum that is a VARCHAR with a check loses its longest value",
            ("warehouses",),
            {'"north", "middle", "south"': '"north", "south"'},
        ),
        Change(
            "An enum becomes a string",
            ("newsletters",),
            {'sa.Enum("offer", "news", name="letter_kind")': "sa.String(10)"},
        ),
    ),
)

TYPES = Step(
    "types",
    (
        Change(
            "A string gets longer",
            ("brands",),
            {
                "sa.String(100))\n    __table_args__": "sa.String(200))\n    __table_args__"
            },
        ),
        Change(
            "A string becomes a text",
            ("audit_entries",),
            {
                "what: Mapped[str] = mapped_column(sa.String(100))": "what: Mapped[str] ="
                " mapped_column(sa.Text)"
            },
        ),
        Change(
            "An integer becomes a big integer",
            ("stock",),
            {
                'reserved: Mapped[int] = mapped_column(server_default="0")': "reserved:"
                ' Mapped[int] = mapped_column(sa.BigInteger, server_default="0")'
            },
        ),
        Change(
            "An integer becomes a number with decimals",
            ("vendors",),
            {
                "rating: Mapped[int | None]": "rating: Mapped[decimal.Decimal | None] ="
                " mapped_column(sa.Numeric(5, 1))"
            },
        ),
        Change(
            "An integer becomes a string",
            ("addresses",),
            {
                "zip: Mapped[int | None]": "zip: Mapped[str | None] ="
                " mapped_column(sa.String(10))"
            },
            up=replaced("addresses", "zip", 1010, "1010"),
        ),
        Change(
            "A number with a default becomes a string",
            ("currencies",),
            {
                'digits: Mapped[int] = mapped_column(sa.SmallInteger, server_default="2")': 'digits: Mapped[str] = mapped_column(sa.String(2), server_default="2")'
            },
            up=changed("currencies", "digits", lambda row: str(row["digits"])),
        ),
        Change(
            "A boolean with a default becomes a number",
            ("subscriptions",),
            {
                "active: Mapped[bool] = mapped_column(server_default=sa.true())": "active: Mapped[int] = mapped_column("
                'sa.SmallInteger, server_default="1")'
            },
            up=changed("subscriptions", "active", lambda row: int(row["active"])),
        ),
        Change(
            "A float becomes a number with decimals",
            ("payments",),
            {"mapped_column(sa.Float)": "mapped_column(sa.Numeric(12, 4))"},
        ),
    ),
)

REQUIRED = Step(
    "required or not",
    (
        Change(
            "A column becomes required, with rows that have no value",
            ("products",),
            {"weight: Mapped[int | None]": "weight: Mapped[int]"},
            up=replaced("products", "weight", None, 100),
            back=replaced("products", "weight", None, 100),
            defaults={"products.weight": "100"},
        ),
        Change(
            "A new required column, with rows",
            ("reviews",),
            {
                "    stars: Mapped[int]": "    title: Mapped[str] ="
                " mapped_column(sa.String(50))\n    stars: Mapped[int]"
            },
            up=changed("reviews", "title", lambda row: f"{row['stars']} of 5"),
            defaults={
                "reviews.title": "CASE stars WHEN 5 THEN '5 of 5' ELSE '2 of 5' END"
            },
        ),
        Change(
            "A new required column, with the model's own default",
            ("price_lists",),
            {
                "    starts: Mapped[dt.date]\n": "    starts: Mapped[dt.date]\n"
                "    rank: Mapped[int] = mapped_column(default=3)\n"
            },
            up=changed("price_lists", "rank", lambda _: 3),
        ),
        Change(
            "A new required column, with the database's default",
            ("order_items",),
            {
                "    pieces: Mapped[int]\n    price": "    pieces: Mapped[int]\n"
                "    gift: Mapped[bool] = mapped_column(server_default=sa.false())\n"
                "    price"
            },
            up=changed("order_items", "gift", lambda _: False),
        ),
        Change(
            "A column is no longer required",
            ("categories",),
            {
                "path: Mapped[str] = mapped_column(sa.String(200))": "path:"
                " Mapped[str | None] = mapped_column(sa.String(200))"
            },
        ),
    ),
)

CONSTRAINTS = Step(
    "constraints, most of them without a name",
    (
        Change(
            "A unique constraint without a name is dropped",
            ("brands",),
            {'    __table_args__ = (sa.UniqueConstraint("name"),)\n': ""},
        ),
        Change(
            "A unique constraint without a name is added",
            ("vendors",),
            {
                '__table_args__: t.ClassVar = {"info": {"was": "suppliers"}}': '__table_args__ = (sa.UniqueConstraint("name"),)'
            },
        ),
        Change(
            "A unique constraint without a name gets another column",
            ("prices",),
            {
                'sa.UniqueConstraint("list_id", "product_id")': 'sa.UniqueConstraint("list_id", "product_id", "amount")'
            },
        ),
        Change(
            "Foreign keys without a name get `ON DELETE`",
            ("products_categories",),
            {
                'sa.ForeignKey("products.id"), primary_key=True),\n    sa.Column("cat': 'sa.ForeignKey("products.id", ondelete="CASCADE"), primary_key=True),\n'
                '    sa.Column("cat',
                'sa.ForeignKey("categories.id"), primary_key': 'sa.ForeignKey("categories.id", ondelete="CASCADE"), primary_key',
            },
        ),
        Change(
            "A foreign key without a name is dropped",
            ("shipments",),
            {
                '__tablename__ = "shipments"\n    id: Mapped[int] ='
                " mapped_column(primary_key=True)\n    order_id: Mapped[int] ="
                ' mapped_column(sa.ForeignKey("orders.id"))': '__tablename__ = "shipments"\n    id: Mapped[int] ='
                " mapped_column(primary_key=True)\n    order_id: Mapped[int]"
            },
        ),
        Change(
            "A foreign key without a name is added",
            ("subscriptions", "customers"),
            {
                "sa.String(120))\n    active": 'sa.ForeignKey("customers.email"))\n'
                "    active"
            },
        ),
        Change(
            "A check constraint without a name gets another condition",
            ("stock",),
            {'"quantity >= 0"': '"quantity >= reserved"'},
        ),
        Change(
            "A check constraint with a name gets another condition",
            ("reviews",),
            {"stars BETWEEN 1 AND 5": "stars BETWEEN 0 AND 10"},
        ),
        Change(
            "A check constraint without a name is added",
            ("payments",),
            {
                '__tablename__ = "payments"\n': '__tablename__ = "payments"\n'
                '    __table_args__ = (sa.CheckConstraint("amount > 0"),)\n'
            },
        ),
        Change(
            "A check constraint with a name is dropped",
            ("employees",),
            {
                "    __table_args__ = (sa.CheckConstraint(\"name <> ''\","
                ' name="has_name"),)\n': ""
            },
        ),
    ),
)

COMPUTED = Step(
    "comments, defaults, computed columns",
    (
        Change(
            "Comments of a table and a column",
            ("brands",),
            {
                "    site: Mapped[str | None] = mapped_column(sa.String(200))\n": "    site: Mapped[str | None] = mapped_column(\n"
                '        sa.String(200), comment="The brand\'s page"\n    )\n'
                '    __table_args__ = {"comment": "Who makes it: 100%"}  # noqa: RUF012\n'
            },
            only=WITH_COMMENTS,
        ),
        Change(
            "A computed column is computed in another way",
            ("cart_items",),
            {'"pieces * 2"': '"pieces * 3"'},
            up=changed("cart_items", "doubled", lambda row: row["pieces"] * 3),
        ),
        Change(
            "A new computed column",
            ("stock",),
            {
                "    reserved: Mapped[int] = mapped_column("
                'sa.BigInteger, server_default="0")\n': "    reserved: Mapped[int] = mapped_column("
                'sa.BigInteger, server_default="0")\n'
                "    free: Mapped[int | None] = mapped_column(\n"
                '        sa.Computed("quantity - reserved", persisted=True)\n    )\n'
            },
            up=changed("stock", "free", lambda r: r["quantity"] - r["reserved"]),
        ),
        Change(
            "A default of the database changes",
            ("currencies",),
            {'sa.String(2), server_default="2"': 'sa.String(2), server_default="3"'},
        ),
        Change(
            "A default of the database goes",
            ("audit_entries",),
            {
                "at: Mapped[dt.datetime] = mapped_column(server_default=sa.func.now())": "at: Mapped[dt.datetime]"
            },
        ),
        Change(
            "A default of the database comes: the time",
            ("shipments",),
            {
                "sent: Mapped[dt.datetime | None]": "sent: Mapped[dt.datetime | None] ="
                " mapped_column(server_default=sa.func.now())"
            },
        ),
    ),
)

INDEXES = Step(
    "indexes and primary keys; tables and columns come and go",
    (
        Change(
            "A new index",
            ("categories",),
            {
                "title: Mapped[str] = mapped_column(sa.String(50))\n    path": "title: Mapped[str] = mapped_column(sa.String(50), index=True)\n    path"
            },
        ),
        Change(
            "An index gets another column",
            ("price_lists",),
            {
                'sa.Index("ix_price_lists_starts", "starts")': 'sa.Index("ix_price_lists_starts", "starts", "name")'
            },
        ),
        Change(
            "An index of a foreign key becomes unique",
            ("addresses",),
            {
                'sa.ForeignKey("customers.id", ondelete="CASCADE"), index=True': 'sa.ForeignKey("customers.id", ondelete="CASCADE"), index=True,'
                " unique=True"
            },
        ),
        Change(
            "An index of a foreign key is dropped",
            ("orders",),
            {
                "customer_id: Mapped[int] ="
                ' mapped_column(sa.ForeignKey("customers.id"), index=True)': "customer_id: Mapped[int] ="
                ' mapped_column(sa.ForeignKey("customers.id"))'
            },
        ),
        Change(
            "A new partial index",
            ("reviews",),
            {
                '(sa.CheckConstraint("stars BETWEEN 0 AND 10", name="stars"),)': "(\n"
                '        sa.CheckConstraint("stars BETWEEN 0 AND 10", name="stars"),\n'
                '        sa.Index("ix_bad", "customer_id",\n'
                '            sqlite_where=sa.text("stars < 3"),\n'
                '            postgresql_where=sa.text("stars < 3")),\n'
                "    )"
            },
            only=WITH_PARTIAL_INDEXES,
        ),
        Change(
            "A new index of an expression",
            ("customers",),
            {
                '__tablename__ = "customers"\n': '__tablename__ = "customers"\n'
                "    __table_args__ = (\n"
                '        sa.Index("ix_lower", sa.text("lower(email)"), unique=True),\n'
                "    )\n"
            },
            only=WITH_PARTIAL_INDEXES,
        ),
        Change(
            "A primary key gets a new column",
            ("products_categories",),
            {
                'sa.ForeignKey("categories.id", ondelete="CASCADE"), primary_key=True),\n': 'sa.ForeignKey("categories.id", ondelete="CASCADE"), primary_key=True),\n'
                '    sa.Column("shelf", sa.Integer, primary_key=True,'
                ' server_default="0"),\n'
            },
            up=changed("products_categories", "shelf", lambda _: 0),
        ),
        Change(
            "The columns of a primary key get another order",
            ("products_tags",),
            {
                '"tag_id", sa.ForeignKey("tags.number", ondelete="CASCADE"), primary_key=True),\n': '"tag_id", sa.ForeignKey("tags.number", ondelete="CASCADE"), primary_key=True),\n'
                '    sa.PrimaryKeyConstraint("tag_id", "product_id"),\n'
            },
        ),
        Change(
            "A new column",
            ("warehouses",),
            {
                '__tablename__ = "warehouses"\n': '__tablename__ = "warehouses"\n'
                "    open: Mapped[dt.date | None]\n"
            },
            up=changed("warehouses", "open", lambda _: None),
        ),
        Change(
            "A column is dropped, with its foreign key",
            ("products",),
            {
                "    supplier_id: Mapped[int | None] ="
                ' mapped_column(sa.ForeignKey("vendors.id"))\n': ""
            },
            up=gone("products", "supplier_id"),
            back=changed("products", "supplier_id", lambda _: None),
        ),
        Change(
            "A new table, with an enum",
            ("holidays",),
            {
                "class AuditEntry(Base):": "class Holiday(Base):\n"
                '    __tablename__ = "holidays"\n'
                "    day: Mapped[dt.date] = mapped_column(primary_key=True)\n"
                "    kind: Mapped[str] = mapped_column(\n"
                '        sa.Enum("public", "own", name="holiday_kind")\n    )\n\n\n'
                "class AuditEntry(Base):"
            },
            up=no_rows("holidays"),
        ),
        Change(
            "A table is dropped",
            ("newsletters",),
            {
                "class Newsletter(Base):\n"
                '    __tablename__ = "newsletters"\n'
                "    id: Mapped[int] = mapped_column(primary_key=True)\n"
                "    subject: Mapped[str] = mapped_column(sa.String(80))\n"
                "    kind: Mapped[str] = mapped_column(sa.String(10))\n": ""
            },
            up=table_gone("newsletters"),
            back=no_rows("newsletters"),
        ),
    ),
)

STEPS = (
    TABLES,
    COLUMNS,
    BOTH,
    MORE_VALUES,
    OTHER_VALUES,
    TYPES,
    REQUIRED,
    CONSTRAINTS,
    COMPUTED,
    INDEXES,
)
