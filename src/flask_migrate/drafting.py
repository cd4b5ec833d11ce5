"""Writing a revision file, and saying what came of it as Flask-Migrate's users expect."""

from __future__ import annotations

import logging
import os
import typing as t

from flask_alembic import DraftError

if t.TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import Script

    from flask_alembic import Finding

    from .folder import FolderAlembic

# Where a usual env.py says itself what a comparison has come to.
said = logging.getLogger("alembic.env")

NO_CHANGES = "No changes in schema detected."


def write(
    alembic: FolderAlembic,
    config: Config,
    message: str | None,
    *,
    autogenerate: bool,
    sql: bool,
    head: str,
    splice: bool,
    branch_label: str | None,
    version_path: str | os.PathLike[str] | None,
    rev_id: str | None,
    decided: t.Mapping[str, t.Any],
) -> list[Script]:
    """Write a revision file, and log what was found.

    :param decided: More arguments of :meth:`flask_alembic.Alembic.draft`.
    :raises DraftError: Among others, the file was written and its proof failed.
    """
    if sql and autogenerate:
        raise DraftError("Using --sql with --autogenerate does not make any sense")
    if sql and not _runs_environment(config):
        raise DraftError(
            "Using --sql with the revision command when revision_environment is not"
            " configured does not make any sense"
        )
    with _Heard(said, NO_CHANGES) as heard:
        drafted = alembic.draft(
            message,
            not autogenerate,
            "",
            head,
            splice,
            label=branch_label,
            path=version_path,
            rev_id=rev_id,
            **decided,
        )
        script = alembic.script_directory
        scripts = [script.get_revision(item.id) for item in drafted.revisions]
    _tell(drafted.findings)
    if autogenerate and not scripts and not heard:
        said.info(NO_CHANGES)
    return scripts


def _tell(findings: t.Sequence[Finding]) -> None:
    """Log what was found.

    :raises DraftError: Something in it is an error; the file is there.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    for finding in findings:
        if finding not in errors:
            level = logging.getLevelNamesMapping()[finding.severity.upper()]
            said.log(level, "%s %s", finding.message, finding.fix)
    if errors:
        reasons = " ".join(f"{x.message} {x.effect}".strip() for x in errors)
        raise DraftError(
            f"{errors[0].where} is written and stays, but its proof failed. {reasons}",
            fix=errors[0].fix,
        )


def _runs_environment(config: Config) -> bool:
    value = config.get_alembic_option("revision_environment")
    return str(value).lower() in ("true", "yes", "on", "y", "t", "1")


class _Heard(logging.Filter):
    """Notices whether something is logged in the block; a usual env.py says it itself."""

    def __init__(self, heard: logging.Logger, text: str) -> None:
        super().__init__()
        self._logger = heard
        self._text = text
        self._heard = False

    def __bool__(self) -> bool:
        return self._heard

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        self._heard = self._heard or record.getMessage() == self._text
        return True

    def __enter__(self) -> _Heard:
        self._logger.addFilter(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._logger.removeFilter(self)
