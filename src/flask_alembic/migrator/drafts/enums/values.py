"""What becomes of an enum's values: which stay, come, go, or have another name."""

from __future__ import annotations

import dataclasses
import difflib
import typing as t

from ....results import Finding
from ....results import Question
from .. import questions
from ..renames.scores import name_likeness
from ..renames.scores import POSSIBLE

if t.TYPE_CHECKING:
    from ..refining import Refinement

Labels: t.TypeAlias = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Values:
    """An enum's values before and after.

    :param renames: Old value -> new one; the new one may have been there before.
    """

    before: Labels
    after: Labels
    renames: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def renamed(self) -> dict[str, str]:
        """Renames to a value that wasn't there."""
        return {o: n for o, n in self.renames.items() if n not in self.before}

    @property
    def joined(self) -> dict[str, str]:
        """Renames to a value that was there, which can't be undone."""
        return {o: n for o, n in self.renames.items() if n in self.before}

    @property
    def removed(self) -> Labels:
        """Values that go, and whose rows nobody knows a value for."""
        kept = {*self.after, *self.renames}
        return tuple(label for label in self.before if label not in kept)

    @property
    def added(self) -> Labels:
        """Values that a downgrade has no name for."""
        kept = {*self.before, *self.renamed.values()}
        return tuple(label for label in self.after if label not in kept)

    @property
    def standing(self) -> Labels:
        """The values before, those that are renamed by their new names."""
        return tuple(self.renamed.get(label, label) for label in self.before)

    @property
    def grows(self) -> bool:
        """Whether values only come, and the others keep their order."""
        there = iter(self.after)
        return all(label in there for label in self.standing)


def candidates(before: Labels, after: Labels) -> list[tuple[str, str, bool]]:
    """Pair values that go with values that come, where they stand in the same place.

    :return: Old, new, and whether it is likely.
    """
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    found: list[tuple[str, str, bool]] = []
    for tag, first, last, start, end in matcher.get_opcodes():
        gone = [x for x in before[first:last] if x not in after]
        new = [x for x in after[start:end] if x not in before]
        if tag == "replace" and len(gone) == len(new):
            pairs = zip(gone, new, strict=True)
            found += [(o, n, name_likeness(o, n) >= POSSIBLE) for o, n in pairs]
    return found


class Decision:
    """Who says what became of the values of one enum.

    :param names: ``table.column`` of those that have it, as they may be said.
    """

    def __init__(self, refinement: Refinement, names: t.Sequence[str]) -> None:
        self._refinement = refinement
        self._choices = refinement.choices
        self._names = tuple(dict.fromkeys(names))

    @property
    def name(self) -> str:
        """What the enum is called in words."""
        return self._names[0]

    def decide(self, before: Labels, after: Labels) -> Values:
        """Find the renames: said outright, or asked about."""
        if self._choices.renames is False:
            return Values(before, after)
        renames = self._said(before, after)
        gone = [x for x in before if x not in after and x not in renames]
        new = [x for x in after if x not in before and x not in renames.values()]
        self._offer(gone, new)
        for old, value, likely in candidates(before, after):
            if old in gone and value in new and self._accept(old, value, likely):
                renames[old] = value
        for old, value in renames.items():
            self._refinement.renames[f"{self.name}.{old}"] = value
        return Values(before, after, renames)

    def _said(self, before: Labels, after: Labels) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in (self._choices.renames or {}).items():
            for name in self._names:
                old = key.removeprefix(f"{name}.")
                new = value.removeprefix(f"{name}.")
                said = old != key and old in before and old not in after
                # Two values can't become the same new one: the first does.
                free = new in before or new not in found.values()
                if said and new in after and free:
                    found[old] = new
                    self._refinement.understood.add(key)
        return found

    def _offer(self, gone: t.Iterable[str], new: t.Iterable[str]) -> None:
        self._refinement.renameable += tuple(f"{self.name}.{x} (gone)" for x in gone)
        self._refinement.renameable += tuple(f"{self.name}.{x} (new)" for x in new)

    def _accept(self, old: str, new: str, likely: bool) -> bool:
        name = f"{self.name}.{old}"
        question = Question(
            code="rename-value",
            database=self._refinement.context.target.name,
            text=f"Is {new!r} the old {old!r} of {self.name}, renamed?",
            name=name,
            details={old: "goes", new: "is new"},
            option=self.option(old, new),
            default=likely,
        )
        answer = questions.answered(question, self._choices)
        if answer is None:
            self._refinement.findings.append(self._possible(question, old, new))
        return bool(answer)

    def option(self, old: str, new: str) -> str:
        """The option that renames a value, as it is typed."""
        said = f"{self.name}.{old}={new}"
        return (
            f'--rename "{said}"' if set(said) & set(" '()&;$*") else f"--rename {said}"
        )

    def _possible(self, question: Question, old: str, new: str) -> Finding:
        return Finding(
            questions.POSSIBLE_RENAME,
            "warning",
            f"The value {old!r} of {self.name} may have been renamed to {new!r}"
            f" (database {question.database!r}).",
            effect=f"The draft removes {old!r}, and stops where rows have it.",
            fix=f"Say {question.option} if it was renamed, --no-renames if not.",
            where=self.name,
        )
