"""Writes answers as pages for people with a browser, as HAPI does; the page itself is our own."""

from __future__ import annotations

import re
from html import escape
from http import HTTPStatus

HTML = "text/html;charset=UTF-8"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.45 ui-monospace, monospace; margin: 1.5rem; }}
p {{ font-family: system-ui, sans-serif; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<p>{status} · <a href="{raw}">as a program sees it</a></p>
<pre>{text}</pre>
</body>
</html>
"""
_URL = re.compile(r"https?://[^\s\"&]+(?:&amp;[^\s\"&]+)*")


def to_html(text: str, status: int, url: str) -> str:
    """Returns a page that shows an answer, with links where it names URLs of this server.

    Args:
        text: The answer.
        status: Its HTTP status.
        url: The request's own URL.
    """
    base, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("_format=")]
    raw = f"{base}?{'&'.join([*kept, '_format=json'])}"
    host = base.split("/fhir", 1)[0]

    def link(match: re.Match[str]) -> str:
        found = match.group()
        return f'<a href="{found}">{found}</a>' if found.startswith(host) else found

    shown = _URL.sub(link, escape(text, quote=False))
    line = f"HTTP {status} {HTTPStatus(status).phrase}"
    return _PAGE.format(title=escape(url), status=line, raw=escape(raw), text=shown)
