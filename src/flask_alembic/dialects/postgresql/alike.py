"""Tables that are told like others: reflection describes one of each sort.

What SQLAlchemy says of a column, a key or an index is kept by its word; others with that
word are said to be the same, under names of their own.
"""

from __future__ import annotations

import typing as t

from sqlalchemy.engine.reflection import ReflectionDefaults

from ..bulk import Description
from ..bulk import FoundColumn
from .facts import Table

Info: t.TypeAlias = dict[str, t.Any]


def one_of_each_sort(tables: t.Iterable[Table]) -> list[Table]:
    """Choose tables in which all words occur."""
    chosen: list[Table] = []
    seen: set[str] = set()
    for table in tables:
        words = table.words()
        if not words <= seen:
            chosen.append(table)
            seen |= words
    return chosen


class Sorts:
    """What reflection tells of each word."""

    def __init__(self) -> None:
        self._infos: dict[str, Info] = {}

    def learn(self, table: Table, told: t.Mapping[str, t.Any]) -> None:
        """Keep what is told of a table.

        :param told: Kind of reflection -> what it says.
        """
        constraints = [info for kind in _OF_CONSTRAINTS for info in told[kind]]
        named = [(name, word) for name, word, *_ in table.columns]
        self._learn(named, told["columns"])
        named = [(name, word) for _, name, word, *_ in table.constraints]
        self._learn(named, [told["pk_constraint"], *constraints])
        self._learn([(name, word) for name, word, _ in table.indexes], told["indexes"])
        self._infos.setdefault(table.word, told.get("table_options", {}))

    def _learn(
        self, words: t.Iterable[tuple[str, str]], told: t.Iterable[Info]
    ) -> None:
        infos = {info["name"]: info for info in told}
        for name, word in words:
            if name in infos:
                self._infos.setdefault(word, infos[name])

    def know(self, table: Table) -> bool:
        """Whether all words of a table have been learnt."""
        return table.words() <= self._infos.keys()

    def describe(self, table: Table) -> Description:
        """Tell what reflection would tell of a table."""
        infos = self._infos
        keys = self._constraints(table)
        return Description(
            [
                FoundColumn(name, infos[word], default, comment)
                for name, word, default, comment in table.columns
            ],
            keys["pk_constraint"],
            keys["foreign_keys"],
            keys["unique_constraints"],
            self._indexes(table),
            (),
            table.comment,
        )

    def tell(self, kind: str, table: Table) -> t.Any:
        """Tell what reflection would tell of one kind.

        :param kind: Its name in the names of reflection's methods.
        """
        if kind == "columns":
            return [
                {**self._infos[word], "name": name, "default": text, "comment": comment}
                for name, word, text, comment in table.columns
            ]
        if kind == "indexes":
            return self._indexes(table)
        if kind == "table_comment":
            return {"text": table.comment}
        if kind == "table_options":
            return dict(self._infos[table.word])
        # A table with checks is like no other.
        return self._constraints(table).get(kind, [])

    def _constraints(self, table: Table) -> dict[str, t.Any]:
        keys: list[Info] = []
        uniques: list[Info] = []
        primary: t.Any = None
        for letter, name, word, columns, schema, other, referred in table.constraints:
            info = {**self._infos[word], "name": name}
            if letter == "u":
                info["column_names"] = columns
                uniques.append(info)
                continue
            info["constrained_columns"] = columns
            if letter == "p":
                primary = info
                continue
            info["referred_schema"] = schema
            info["referred_table"] = other
            info["referred_columns"] = referred
            keys.append(info)
        return {
            "pk_constraint": primary or ReflectionDefaults.pk_constraint(),
            "foreign_keys": keys,
            "unique_constraints": uniques,
        }

    def _indexes(self, table: Table) -> list[Info]:
        found: list[Info] = []
        for name, word, columns in table.indexes:
            info = {**self._infos[word], "name": name, "column_names": columns}
            if "duplicates_constraint" in info:
                info["duplicates_constraint"] = name
            found.append(info)
        return found


_OF_CONSTRAINTS = ["foreign_keys", "unique_constraints", "check_constraints"]
