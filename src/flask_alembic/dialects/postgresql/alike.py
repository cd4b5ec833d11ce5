"""Tables that are told like others: reflection describes one of each sort.

What SQLAlchemy says of a column, a key or an index is kept by its word; others with that
word are said to be the same, under names of their own.
"""

from __future__ import annotations

import typing as t

from sqlalchemy.engine.reflection import ReflectionDefaults

from ..bulk import Description
from ..bulk import FoundColumns
from ..bulk import FoundItem
from ..bulk import FoundReference
from .facts import Table

Info: t.TypeAlias = dict[str, t.Any]


def one_of_each_sort(tables: t.Iterable[Table]) -> list[Table]:
    """Choose tables in which all words occur."""
    chosen: list[Table] = []
    seen: set[str] = set()
    for table in tables:
        if not seen.issuperset(table.words.each()):
            chosen.append(table)
            seen.update(table.words.each())
    return chosen


class Sorts:
    """What reflection tells of each word."""

    def __init__(self) -> None:
        self._infos: dict[str, Info] = {}

    def learn(self, table: Table, told: t.Mapping[str, t.Any]) -> None:
        """Keep what is told of a table.

        :param told: Kind of reflection -> what it says.
        """
        words, parts = table.words, table.parts()
        constraints = [info for kind in _OF_CONSTRAINTS for info in told[kind]]
        names = [part[0] for part in parts.constraints]
        self._learn(parts.names, words.columns, told["columns"])
        self._learn(names, words.constraints, [told["pk_constraint"], *constraints])
        names = [part[0] for part in parts.indexes]
        self._learn(names, words.indexes, told["indexes"])
        self._infos.setdefault(words.table, told.get("table_options", {}))

    def _learn(
        self, names: t.Iterable[str], words: t.Iterable[str], told: t.Iterable[Info]
    ) -> None:
        infos = {info["name"]: info for info in told}
        for name, word in zip(names, words, strict=False):
            if name in infos:
                self._infos.setdefault(word, infos[name])

    def know(self, table: Table) -> bool:
        """Whether all words of a table have been learnt."""
        return all(word in self._infos for word in table.words.each())

    def describe(self, table: Table) -> Description:
        """Tell what reflection would tell of a table."""
        infos, words, parts = self._infos, table.words, table.parts()
        key = _NO_KEY
        uniques: list[FoundItem] = []
        references: list[FoundReference] = []
        for word, part in zip(words.constraints, parts.constraints, strict=True):
            name, columns, schema, other, referred = part
            info = infos[word]
            if word[0] == "f":
                found = FoundReference(name, columns, schema, other, referred, info)
                references.append(found)
            elif word[0] == "u":
                uniques.append(FoundItem(name, columns, info))
            else:
                # A table with checks is like no other.
                key = FoundItem(name, columns, info)
        return Description(
            FoundColumns(
                parts.names,
                list(map(infos.__getitem__, words.columns)),
                parts.defaults,
                parts.comments,
            ),
            key,
            references,
            uniques,
            [
                FoundItem(name, columns, infos[word])
                for word, (name, columns) in zip(
                    words.indexes, parts.indexes, strict=True
                )
            ],
            (),
            table.comment,
        )

    def tell(self, kind: str, table: Table) -> t.Any:
        """Tell what reflection would tell of one kind.

        :param kind: Its name in the names of reflection's methods.
        """
        if kind == "table_comment":
            return {"text": table.comment}
        if kind == "table_options":
            return dict(self._infos[table.words.table])
        found = self.describe(table)
        match kind:
            case "columns":
                return _columns(found.columns)
            case "pk_constraint":
                return _item(found.key, "constrained_columns")
            case "foreign_keys":
                return [_reference(key) for key in found.foreign_keys]
            case "unique_constraints":
                return [_item(unique, "column_names") for unique in found.uniques]
            case "indexes":
                return [_index(index) for index in found.indexes]
        return []


_NO_KEY = FoundItem(None, (), ReflectionDefaults.pk_constraint())


def _columns(found: FoundColumns) -> list[Info]:
    return [
        {**info, "name": name, "default": default, "comment": comment}
        for name, info, default, comment in zip(*found, strict=True)
    ]


def _item(found: FoundItem, columns: str) -> Info:
    return {**found.info, "name": found.name, columns: list(found.columns)}


def _index(found: FoundItem) -> Info:
    info = _item(found, "column_names")
    if "duplicates_constraint" in info:
        info["duplicates_constraint"] = found.name
    return info


def _reference(found: FoundReference) -> Info:
    return {
        **found.info,
        "name": found.name,
        "constrained_columns": found.columns,
        "referred_schema": found.schema,
        "referred_table": found.table,
        "referred_columns": found.referred,
    }


_OF_CONSTRAINTS = ["foreign_keys", "unique_constraints", "check_constraints"]
