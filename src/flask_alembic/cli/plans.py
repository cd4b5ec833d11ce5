"""Plans and dry runs as text: steps with their SQL, what was locked, what wasn't run."""

from __future__ import annotations

import sys
import typing as t

from .. import results
from .formats import applied
from .formats import count
from .formats import first_line
from .formats import outcome_line
from .formats import sections
from .formats import step_line
from .formats import step_words
from .render import OUTCOME_STYLES
from .render import show_lines
from .render import show_sql
from .render import table
from .render import terminal

if t.TYPE_CHECKING:
    from rich.console import Console

    from ..results import DatabaseResult
    from ..results import Drop
    from ..results import Plan
    from ..results import Report
    from ..results import Statement
    from ..results import Step
    from ..results import StepResult
    from ..results import TableLock

OUTSIDE = "-- outside of the transaction"

LOCK_STYLES: t.Mapping[str, str] = {"readers and writers": "red", "writers": "yellow"}


# -- plans -----------------------------------------------------------------------------


def show_plans(plans: t.Sequence[Plan]) -> None:
    """Show what would be done."""
    console = terminal(sys.stdout)
    if console is None:
        show_lines(sections({p.database.name: plan_lines(p) for p in plans}))
        return
    for plan in plans:
        title = f"{plan.database.name} ({plan.database.dialect})"
        console.print(f"{title}: {count(len(plan.steps), 'step')}", style="bold")
        if plan.steps:
            rows = [
                (str(number), step_words(step), first_line(step.revision.message))
                for number, step in enumerate(plan.steps, 1)
            ]
            console.print(table(("", "step", "message"), rows))
        for step in plan.steps:
            show_step_sql(console, step)


def plan_lines(plan: Plan) -> list[str]:
    """A plan's steps with their statements, if it has any."""
    lines = [line for step in plan.steps for line in (step_line(step), *indented(step))]
    return lines or [f"nothing to do, {applied(plan.current)}"]


def indented(step: Step) -> list[str]:
    """A step's SQL, or why there is none, below its line."""
    return [f"  {line}" for line in sql_of(step).splitlines()]


def sql_of(step: Step) -> str:
    """A step's SQL as a script would have it, or a comment why there is none."""
    if step.note:
        return f"-- {step.note}"
    return "\n".join(statement_text(statement) for statement in step.statements)


def statement_text(statement: Statement) -> str:
    """A statement with its end."""
    text = f"{statement.sql};"
    return text if statement.in_transaction else f"{OUTSIDE}\n{text}"


def show_step_sql(console: Console, step: Step) -> None:
    """Print a step's SQL below a comment that names it."""
    text = sql_of(step)
    if text:
        show_sql(console, f"\n-- {step_line(step)}\n{text}\n")


# -- what is dropped -------------------------------------------------------------------


def drop_words(drop: Drop) -> str:
    """A table or column, and how many rows there are."""
    name = f"{drop.table}.{drop.column}" if drop.column else drop.table
    return f"{name} ({rows_words(drop.rows)})" if drop.rows is not None else name


def rows_words(rows: int) -> str:
    """How many rows."""
    if rows > results.ROWS_COUNTED:
        return f"more than {results.ROWS_COUNTED} rows"
    return count(rows, "row") if rows else "no rows"


# -- dry runs --------------------------------------------------------------------------


def show_dry_run(report: Report) -> None:
    """Show what a dry run did, what it locked and what it left out."""
    console = terminal(sys.stdout)
    if console is None:
        show_lines(line for x in report.databases for line in trial_lines(x))
        return
    for result in report.databases:
        style = OUTCOME_STYLES.get(result.outcome, "")
        console.print(trial_line(result), style=style, soft_wrap=True)
        if result.steps:
            console.print(table(STEP_TITLES, map(step_row, result.steps)))
        locks = [(step, lock) for step in result.steps for lock in step.locks]
        if locks:
            console.print()
            console.print(table(LOCK_TITLES, (lock_row(*x) for x in locks)))
        for warning in result.warnings:
            console.print(warning, style="yellow", soft_wrap=True)
        for step in result.steps:
            if step.state == "not_run":
                show_step_sql(console, step.step)


STEP_TITLES = ("step", "message", "state", "time", "statements")
LOCK_TITLES = ("table", "lock", "blocks", "rewritten", "rows", "size", "since")


def trial_line(result: DatabaseResult) -> str:
    """What became of a database in a dry run."""
    if any(step.state == "not_run" for step in result.steps):
        ran = sum(step.state != "not_run" for step in result.steps)
        words = f"{ran} of {count(len(result.steps), 'revision')} tried, rolled back"
        return f"{result.database.name}: {words}, {applied(result.heads)}"
    return outcome_line(result)


def trial_lines(result: DatabaseResult) -> list[str]:
    """A dry run on one database, in lines."""
    lines = [trial_line(result)]
    for step in result.steps:
        if step.state == "not_run":
            lines += [f"  not run: {step_line(step.step)}"]
            lines += [f"  {line}" for line in indented(step.step)]
        else:
            lines.append(f"  {step_line(step.step)}: {ran_words(step)}")
            lines += [f"    {lock_line(lock)}" for lock in step.locks]
    return [*lines, *(f"  {warning}" for warning in result.warnings)]


def ran_words(step: StepResult) -> str:
    """How a step went that was tried."""
    words = [f"{step.seconds:.2f} s", count(len(step.statements), "statement")]
    return ", ".join(words if step.state == "rolled_back" else [step.state, *words])


def step_row(result: StepResult) -> tuple[str, ...]:
    """A step of a dry run in a table."""
    step = result.step
    ran = result.state != "not_run"
    return (
        step_words(step),
        first_line(step.revision.message),
        result.state.replace("_", " "),
        f"{result.seconds:.2f} s" if ran else "",
        str(len(result.statements)) if ran else "",
    )


def lock_line(lock: TableLock) -> str:
    """A table's lock on one line."""
    words = [lock.mode, f"blocks {lock.blocks}"]
    words += ["rewritten"] if lock.rewritten else []
    words += [f"about {rows_words(lock.rows)}"] if lock.rows is not None else []
    words += [size(lock.bytes)] if lock.bytes else []
    return f"{lock.table}: {', '.join(words)}"


def lock_row(step: StepResult, lock: TableLock) -> tuple[t.Any, ...]:
    """A table's lock in a table."""
    from rich.text import Text

    return (
        lock.table,
        lock.mode,
        Text(lock.blocks, LOCK_STYLES.get(lock.blocks, "")),
        Text("yes", "red") if lock.rewritten else "",
        "" if lock.rows is None else str(lock.rows),
        size(lock.bytes) if lock.bytes else "",
        step.step.revision.id,
    )


def size(number: int) -> str:
    """A number of bytes for people."""
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"
