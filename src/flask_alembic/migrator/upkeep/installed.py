"""Which distributions put packages of our names on this Python's path."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
import typing as t
from importlib import metadata
from pathlib import Path

from ...results import Finding

OURS = "flask-alembic"
PACKAGES = ("flask_alembic", "flask_migrate")
HOME = Path(__file__).resolve().parents[3]
"""The folder that our packages lie in."""

REINSTALL = "pip install --force-reinstall --no-deps Flask-Alembic"


def findings() -> t.Iterator[Finding]:
    """Find distributions whose files lie where ours should be, or before them."""
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"] or ""
        normal = re.sub(r"[-_.]+", "-", name).lower()
        for package in PACKAGES:
            # A predecessor has our name: what its files are tells it apart.
            record = _init_of(distribution, package)
            if record is None or (normal == OURS and _is_ours(record)):
                continue
            yield _judge(distribution, package, record)
    yield from _elsewhere()


def _init_of(
    distribution: metadata.Distribution, package: str
) -> metadata.PackagePath | None:
    path = f"{package}/__init__.py"
    # Most have none, and listing the files of all takes half a second.
    if path not in (distribution.read_text("RECORD") or path):
        return None
    for file in distribution.files or ():
        if file.as_posix() == path:
            return file
    return None


def _is_ours(record: metadata.PackagePath) -> bool:
    return Path(str(record.locate())).resolve().is_relative_to(HOME)


def _judge(
    distribution: metadata.Distribution, package: str, record: metadata.PackagePath
) -> Finding:
    path = Path(str(record.locate())).resolve()
    name = f"{distribution.metadata['Name']} {distribution.version}"
    remove = f"pip uninstall {distribution.metadata['Name']}"
    imported = _imported(package)
    if imported != path:
        return Finding(
            code="installed-beside",
            severity="warning",
            message=f"{name} is installed, too, and has a package {package}.",
            effect="Which of the two is imported depends on the order of sys.path.",
            fix=f"{remove}, in the environment that {path.parent.parent} belongs to.",
            where=str(path),
        )
    if not path.is_relative_to(HOME) or _unchanged(record, path):
        return Finding(
            code="installed-shadow",
            severity="error",
            message=f"'import {package}' gives {name} instead of this Flask-Alembic.",
            effect="What this release does better isn't in force.",
            fix=f"{remove}, then {REINSTALL}.",
            where=str(path),
        )
    return Finding(
        code="installed-over",
        severity="warning",
        message=f"{name} is installed into the same folder; its files are overwritten.",
        effect=f"Updating or removing it takes files of this {package} away.",
        fix=f"{remove}, then {REINSTALL}.",
        where=str(path),
    )


def _imported(package: str) -> Path | None:
    """The file that an import of the package runs."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).resolve() if spec and spec.origin else None


def _unchanged(record: metadata.PackagePath, path: Path) -> bool:
    """Whether a file is still the one that its distribution brought."""
    if record.hash is None or record.hash.mode not in hashlib.algorithms_available:
        return False
    try:
        digest = hashlib.new(record.hash.mode, path.read_bytes()).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") == record.hash.value


def _elsewhere() -> t.Iterator[Finding]:
    """Find a package of ours that is imported from a place that no record names."""
    for package in PACKAGES:
        path = _imported(package)
        if path is None or path.is_relative_to(HOME) or _recorded(path, package):
            continue
        yield Finding(
            code="installed-shadow",
            severity="error",
            message=f"'import {package}' gives {path}, not this Flask-Alembic.",
            effect="What this release does better isn't in force.",
            fix="Rename that file or folder.",
            where=str(path),
        )


def _recorded(path: Path, package: str) -> bool:
    records = (_init_of(found, package) for found in metadata.distributions())
    return any(r and Path(str(r.locate())).resolve() == path for r in records)
