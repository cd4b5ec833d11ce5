"""A plot with logarithmic axes, as SVG."""

from __future__ import annotations

import dataclasses
import itertools
import math
import typing as t
from xml.sax.saxutils import escape

from .subjects import FLASK_ALEMBIC
from .subjects import FLASK_MIGRATE
from .subjects import NOTHING
from .subjects import OURS

WIDTH, HEIGHT = 400, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 18, 36, 44

STYLES = {
    NOTHING: ("#777777", "4 3", "the work itself"),
    OURS: ("#0b62a4", "", "this release"),
    FLASK_ALEMBIC: ("#c2570c", "", FLASK_ALEMBIC),
    FLASK_MIGRATE: ("#7a3b9e", "", FLASK_MIGRATE),
}
"""Subject -> colour, dashes and name."""


@dataclasses.dataclass(frozen=True)
class Panel:
    """One of the plots beside each other.

    :param lines: Subject -> points, the smallest first.
    """

    title: str
    unit: str
    lines: dict[str, list[tuple[float, float]]]


class Axis:
    """Where a value stands, from one position to another."""

    def __init__(self, values: t.Iterable[float], start: float, end: float) -> None:
        known = list(values)
        self.low = math.floor(math.log10(min(known)))
        self.high = math.ceil(math.log10(max(known)))
        self._start = start
        self._scale = (end - start) / max(1, self.high - self.low)

    def place(self, value: float) -> float:
        """The position of a value."""
        return round(self._start + (math.log10(value) - self.low) * self._scale, 1)

    @property
    def marks(self) -> list[float]:
        """The powers of ten on it."""
        return [10.0**power for power in range(self.low, self.high + 1)]


def plot(panels: t.Sequence[Panel]) -> str:
    """Draw panels beside each other, with one legend below."""
    width, height = WIDTH * max(2, len(panels)), HEIGHT + 30
    drawn = [
        f'<g transform="translate({n * WIDTH} 0)">{"".join(_panel(panel))}</g>'
        for n, panel in enumerate(panels)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img"'
            ' font-family="sans-serif" font-size="12" fill="#222222">',
            "<title>What this release and its predecessors take</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *drawn,
            *_legend(),
            "</svg>\n",
        ]
    )


def _panel(panel: Panel) -> t.Iterator[str]:
    points = list(itertools.chain.from_iterable(panel.lines.values()))
    across = Axis((x for x, _ in points), LEFT, WIDTH - RIGHT)
    up = Axis((y for _, y in points), HEIGHT - BOTTOM, TOP)
    yield _text(WIDTH / 2, 20, panel.title, "middle")
    for mark in up.marks:
        y = up.place(mark)
        yield _path([(LEFT, y), (WIDTH - RIGHT, y)], "#dddddd")
        yield _text(LEFT - 6, y + 4, f"{mark:g}", "end")
    for mark in across.marks:
        yield _text(across.place(mark), HEIGHT - BOTTOM + 18, f"{mark:,.0f}", "middle")
    yield _text(WIDTH / 2, HEIGHT - 8, panel.unit, "middle")
    for name, line in panel.lines.items():
        colour, dashes, _ = STYLES[name]
        places = [(across.place(x), up.place(y)) for x, y in line]
        yield _path(places, colour, dashes, 2)
        yield from (
            f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places
        )


def _legend() -> t.Iterator[str]:
    for n, (colour, dashes, name) in enumerate(STYLES.values()):
        x, y = LEFT + n * 150, HEIGHT + 14
        yield _path([(x, y), (x + 22, y)], colour, dashes, 2)
        yield _text(x + 28, y + 4, name, "start")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _path(
    points: t.Sequence[tuple[float, float]],
    colour: str,
    dashes: str = "",
    width: float = 1,
) -> str:
    places = " ".join(f"{x:g},{y:g}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<polyline points="{places}" fill="none" stroke="{colour}"'
        f' stroke-width="{width:g}"{dashed}/>'
    )
