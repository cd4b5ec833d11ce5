"""The page that names pending revisions: as HTML, text or JSON."""

from __future__ import annotations

import json
import typing as t

from jinja2 import Environment
from werkzeug.wrappers import Request
from werkzeug.wrappers import Response

if t.TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from sqlalchemy.exc import DBAPIError

    from ..extension import Alembic
    from ..results import Status

KINDS = ("text/plain", "text/html", "application/json")
"""The first is for whoever takes anything; a browser asks for HTML."""

HTML = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Pending revisions</title>
<style>
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --ink: #1b1b1f }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf1 } }
body { font: 16px/1.6 system-ui, sans-serif; color: var(--ink); max-width: 46rem;
  margin: 3rem auto; padding: 0 1.25rem }
h1 { font-size: 1.6rem; line-height: 1.25 }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
code, pre { font: .9em/1.5 ui-monospace, monospace }
pre { padding: .75rem 1rem; background: var(--soft); border-radius: .4rem;
  overflow-x: auto }
ol { padding-left: 1.5rem }
li { padding: .15rem 0 }
.aside { border-top: 1px solid var(--line); margin-top: 2.5rem; padding-top: .5rem }
</style>
</head>
<body>
<main>
<h1>The database is behind the code</h1>
<p>This request failed, and revisions are pending. To apply them:</p>
<pre><code>{{ command }}</code></pre>
{% for database in databases %}
<h2>{{ database.name }}: {{ database.state }}, at {{ database.at }}</h2>
<ol>
{% for revision in database.pending %}
<li><code>{{ revision.id }}</code> {{ revision.message }}</li>
{% endfor %}
</ol>
{% endfor %}
<div class="aside">
<p>What the database said:</p>
<pre>{{ error }}</pre>
<p>This page is shown in debug mode, with <code>ALEMBIC_PENDING_PAGE</code>.</p>
</div>
</main>
</body>
</html>
"""


def make_response(
    extension: Alembic,
    statuses: t.Sequence[Status],
    error: DBAPIError,
    environ: WSGIEnvironment,
    command: str | None,
) -> Response:
    """Say what is pending, in the form that the client asks for.

    :param command: Name of the command group, if there is one.
    """
    content = {
        "error": f"{type(error).__name__}: {error.orig}",
        "command": f"flask {command} upgrade" if command else "alembic.upgrade()",
        "databases": [_described(extension, status) for status in statuses],
    }
    kind = Request(environ).accept_mimetypes.best_match(KINDS, KINDS[0])
    if kind == "text/html":
        # Not the application's templates: what they call may fail as the request did.
        body = Environment(autoescape=True).from_string(HTML).render(content)
    elif kind == "application/json":
        body = json.dumps(content, indent=2)
    else:
        body = _text(content)
    response = Response(body, 503, mimetype=kind)
    response.cache_control.no_store = True
    return response


def _described(extension: Alembic, status: Status) -> dict[str, t.Any]:
    return {
        "name": status.database.name,
        "state": status.state,
        "at": ", ".join(status.current) or "base",
        "pending": [
            {"id": entry.revision.id, "message": entry.revision.message}
            for entry in extension.describe(list(status.pending))
        ],
    }


def _text(content: dict[str, t.Any]) -> str:
    lines = [
        "The database is behind the code. To apply what is pending:",
        "",
        f"    {content['command']}",
    ]
    for database in content["databases"]:
        lines += ["", f"{database['name']}: {database['state']}, at {database['at']}"]
        lines += [f"  {each['id']}  {each['message']}" for each in database["pending"]]
    return "\n".join([*lines, "", content["error"], ""])
