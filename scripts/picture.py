"""Make the picture of the terminal in the README from what really happens.

Usage: picture.py FILE.svg
"""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
import termios
import typing as t
from pathlib import Path

from demo import Demo
from demo import PEOPLE
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS = 88

THEME = TerminalTheme(
    (30, 33, 39),
    (220, 223, 228),
    [
        (40, 44, 52),
        (224, 108, 117),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (220, 223, 228),
    ],
)

CONTROL = re.compile(r"\x1b\[(?P<value>[?0-9;]*)(?P<letter>[A-Za-ln-z])|\r|\n")
"""What moves the cursor or clears; colours (letter m) stay in the text."""

FONT = re.compile(r"@font-face \{.*?\}\n", re.DOTALL)


def screen(output: str) -> list[str]:
    """Reduce what a program wrote to what stays on the screen.

    Enough for programs that rewrite whole lines, as Rich's live display does.
    """
    lines, row, position = [""], 0, 0
    for match in CONTROL.finditer(output):
        lines[row] += output[position : match.start()]
        position = match.end()
        if match[0] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif match["letter"] == "A":
            row = max(0, row - int(match["value"] or 1))
        elif match["letter"] == "K":
            lines[row] = ""
    lines[row] += output[position:]
    return lines


def in_terminal(command: t.Sequence[str], **options: t.Any) -> str:
    """Run a command under a pseudo-terminal and return all that it wrote."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, COLUMNS))
    written = b""
    with contextlib.closing(os.fdopen(ours, "rb", buffering=0)) as reader:
        with os.fdopen(theirs, "wb", buffering=0) as writer:
            process = subprocess.Popen(command, stdout=writer, stderr=writer, **options)
        # Linux reports the closed other end as an I/O error.
        with contextlib.suppress(OSError):
            while part := reader.read(4096):
                written += part
    if process.wait():
        raise SystemExit(f"{command} ended with exit code {process.returncode}")
    return written.decode()


def record(demo: Demo, console: Console, *arguments: str) -> None:
    """Run a `flask` command and add it, with its output, to the picture."""
    console.print(
        Text("$ ", "bold green") + Text(f"flask {' '.join(arguments)}", "bold")
    )
    environ = {k: v for k, v in demo.environ.items() if k not in {"NO_COLOR", "CI"}}
    output = in_terminal(
        [sys.executable, "-m", "flask", *arguments],
        cwd=demo.folder,
        env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )
    # Nobody's application lives in a temporary folder.
    output = output.replace(str(demo.folder), "~/contacts")
    for line in "\n".join(screen(output)).strip("\n").split("\n"):
        console.print(Text.from_ansi(line))


def main(target: Path) -> None:
    """Run the commands of the demonstration that are worth a picture."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True
    )
    with tempfile.TemporaryDirectory(prefix="flask-alembic-") as folder:
        demo = Demo(Path(folder))
        record(demo, console, "db", "revision", "people")
        record(demo, console, "db", "upgrade")
        demo.run("add", *PEOPLE)
        demo.change_models()
        record(demo, console, "db", "revision", "notes")
        record(demo, console, "db", "status")
        record(demo, console, "db", "upgrade")
        record(demo, console, "people")
    svg = console.export_svg(title="flask db", theme=THEME, unique_id="terminal")
    # No fonts from elsewhere: a reader's browser asks nobody.
    target.write_text(FONT.sub("", svg))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
