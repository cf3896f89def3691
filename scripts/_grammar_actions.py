"""Actions of the grammar: structured, so that they can be changed, and written as an agent's text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mab_gym.fhir.model._json_text import compact

Pair = tuple[str, str]
Json = Any

GET, POST, FINISH, NEXT, WORDS = "GET", "POST", "FINISH", "NEXT", "WORDS"
_SHORT = 160


@dataclass(frozen=True, slots=True)
class Action:
    """One message of an agent.

    Attributes:
        kind: ``search``, ``read``, ``create``, ``bundle`` and so on, for reports.
        verb: ``GET``, ``POST``, ``FINISH``; ``NEXT`` for the next link of the last answer; ``WORDS`` for other text.
        path: The part of the URL after the base and its slash, or a whole URL with its scheme.
        pairs: Names and values of the query, not yet encoded.
        body: The posted body, the answer, or the words, as JSON or text.
        encoded: True if everything in the query that can be percent-encoded is.
    """

    kind: str
    verb: str
    path: str = ""
    pairs: tuple[Pair, ...] = ()
    body: Json = None
    encoded: bool = False

    @property
    def target(self) -> str:
        """The part of the URL after the base and its slash, with the query."""
        return self.path + ("?" + query(self.pairs, encoded=self.encoded) if self.pairs else "")

    def text(self, base_url: str, last_answer: str = "") -> str:
        """Returns the message.

        Args:
            base_url: The FHIR base, without a slash at its end.
            last_answer: The body of the last response, for a next link.
        """
        if self.verb == FINISH:
            return f"FINISH({as_text(self.body)})"
        if self.verb == WORDS:
            return as_text(self.body)
        if self.verb == NEXT:
            return f"GET {next_link(last_answer) or base_url + '?_getpages=none'}"
        url = self.target if "://" in self.path else f"{base_url}/{self.target}"
        return f"{self.verb} {url}" + (f"\n{as_text(self.body)}" if self.verb == POST else "")

    def shape(self) -> str:
        """The kind of the request: the verb, the type and the names of parameters, without values."""
        if self.verb != GET and not (self.verb == POST and isinstance(self.body, dict)):
            return f"{self.verb} {self.kind}"
        if self.verb == POST and self.path == "":
            return _bundle_shape(self.body)
        names = ",".join(sorted({name for name, _ in self.pairs}))
        return f"{self.verb} {_without_ids(self.path)}?{names}"


def _without_ids(path: str) -> str:
    parts = path.split("/")
    return "/".join(part if place == 0 or part.startswith(("$", "_")) else "id" for place, part in enumerate(parts))


def _bundle_shape(bundle: dict[str, Any]) -> str:
    """Returns the kind of a Bundle: the request of most of its entries."""
    entries = bundle.get("entry")
    shapes = Counter(map(_entry_shape, entries[:5_000])) if isinstance(entries, list) else Counter[str]()
    return f"Bundle of {max(shapes, key=lambda shape: (shapes[shape], shape), default='nothing')}"


def _entry_shape(entry: Any) -> str:
    asked = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(asked, dict):
        return "none"
    return f"{asked.get('method', '')} {_without_ids(str(asked.get('url', '')).partition('?')[0])}"


def query(pairs: Sequence[Pair], *, encoded: bool = False) -> str:
    """Encodes names and values for a URL."""
    safe = "" if encoded else "/:|,$*"
    return "&".join(f"{_quoted(name, safe + ':')}={_quoted(value, safe)}" for name, value in pairs)


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass")


def as_text(body: Json) -> str:
    """Returns a body as it is sent; text stays as it is."""
    return body if isinstance(body, str) else compact(body)


def next_link(answer: str) -> str:
    """Returns a response's link to the next page, or empty."""
    if '"next"' not in answer:
        return ""
    try:
        links = json.loads(answer).get("link", ())
    except (ValueError, AttributeError):
        return ""
    return next((str(link.get("url", "")) for link in links if link.get("relation") == "next"), "")


def shortened(text: str, most: int = _SHORT) -> str:
    """Returns a text on one line, without its middle if it is long."""
    line = text.encode("utf-8", "backslashreplace").decode().replace("\n", "⏎")
    if len(line) <= most:
        return line
    return f"{line[: most - 40]} … {line[-20:]} ({len(line):,} characters)"
