"""The comparison of `scripts/differential`: answers at three levels, kinds of difference, and their subjects."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from _differential_requests import CONTROL, Ask

from mab_gym.fhir.model._definitions import search_parameters
from mab_gym.fhir.model._filter import split_alternatives

Answer = dict[str, Any]
"""``status``, ``headers`` and ``body`` of one response."""
Answers = dict[str, Any]
"""``answer``, and where asked for ``pages`` (a list), ``read_back`` and ``search_back``."""

LEVELS = ("status", "body", "exact")
_MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r'("(?:lastUpdated|lastModified|date)": ?")\d{4}-\d\d-\d\dT[^"]*"'), r'\1T"'),
    (re.compile(r'("source": ?"[^"#]*)#[^"]*"'), r'\1#S"'),
    (re.compile(r'<(lastUpdated|source) value="[^"]*"/>|<timestamp>\d+</timestamp>'), "<MASKED/>"),
)
_CODE = re.compile(r"HAPI-\d+")


def views(answer: Mapping[str, Any] | None, base_url: str) -> tuple[Any, Any, Any]:
    """Returns the views of the three levels: the status, the body as JSON, the exact body and its type."""
    if answer is None:
        return None, None, None
    text = answer["body"].replace(base_url, "BASE")
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    try:
        body = _soften(json.loads(text))
    except ValueError:
        body = text
    headers = answer["headers"]
    location = re.sub(r".*/fhir/", "", headers.get("location", ""))
    return answer["status"], (body, location), (text, location, headers.get("content-type", ""))


def _soften(value: Any) -> Any:
    """Returns JSON with diagnostics reduced to their HAPI code."""
    if isinstance(value, dict):
        return {
            name: (_CODE.match(item) or [""])[0] if name == "diagnostics" and isinstance(item, str) else _soften(item)
            for name, item in value.items()
        }
    return [_soften(item) for item in value] if isinstance(value, list) else value


def pairs(theirs: Answers, ours: Answers) -> list[tuple[str, Answer | None, Answer | None]]:
    """Returns the parts of two answers side by side."""
    found: list[tuple[str, Answer | None, Answer | None]] = [
        (name, theirs.get(name), ours.get(name))
        for name in ("answer", "read_back", "search_back")
        if name in theirs or name in ours
    ]
    a, b = theirs.get("pages", []), ours.get("pages", [])
    for number in range(max(len(a), len(b))):
        one, other = (side[number] if number < len(side) else None for side in (a, b))
        found += [(f"page {number + 2}", one, other)]
    return found


def agreement(theirs: Answers, ours: Answers, base_url: str) -> int:
    """Returns the number of levels that agree; 3 if all is exactly the same."""
    both = [(views(a, base_url), views(b, base_url)) for _, a, b in pairs(theirs, ours)]
    for level in range(3):
        if any(a[level] != b[level] for a, b in both):
            return level
    return 3


def refused(ours: Answers) -> str:
    """Returns the request that the embedded server says it does not support, or empty."""
    for answer in (ours["answer"], *ours.get("pages", ())):
        if answer["status"] == 501:
            return _diagnostics(answer)
    return ""


def _diagnostics(answer: Mapping[str, Any]) -> str:
    try:
        issue = json.loads(answer["body"])["issue"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return str(issue.get("diagnostics", ""))


def _name_of(answer: Answer | None) -> str:
    if answer is None:
        return "no such page"
    code = _CODE.search(_diagnostics(answer))
    return f"{answer['status']}{' ' + code[0] if code else ''}"


def manner(theirs: Answers, ours: Answers, base_url: str) -> str:
    """Returns the kind of difference between two answers; empty if there is none."""
    if not theirs.get("answer"):
        return ""
    for name, a, b in pairs(theirs, ours):
        first, second = views(a, base_url), views(b, base_url)
        if first == second:
            continue
        where = "" if name == "answer" else f"{re.sub('[0-9]+', 'n', name)}: "
        if a is None or b is None or first[0] != second[0] or _name_of(a) != _name_of(b):
            return f"{where}{_name_of(a)} ≠ {_name_of(b)}"
        if a["status"] >= 300:
            return f"{where}{_name_of(a)}: other words"
        if first[1] != second[1]:
            return where + _body_manner(first[1][0], second[1][0])
        return where + ("other text" if first[2][0] != second[2][0] else "other headers")
    return ""


def _body_manner(theirs: Any, ours: Any) -> str:
    if not (isinstance(theirs, dict) and isinstance(ours, dict)) or theirs.get("resourceType") != "Bundle":
        return "other body"
    for mode in ("match", "include"):
        a, b = _entries(theirs, mode), _entries(ours, mode)
        if a == b:
            continue
        if sorted(a) == sorted(b):
            return f"{mode}: other order"
        missing, surplus = set(a) - set(b), set(b) - set(a)
        if missing and surplus:
            return f"{mode}: others found"
        return f"{mode}: too few found" if missing else f"{mode}: too many found" if surplus else f"{mode}: repeated"
    if theirs.get("total") != ours.get("total"):
        return "other total"
    if theirs.get("link") != ours.get("link"):
        return "other links"
    return "other body"


def _entries(bundle: Mapping[str, Any], mode: str) -> list[str]:
    return [
        str(entry.get("fullUrl", ""))
        for entry in bundle.get("entry", ())
        if entry.get("search", {}).get("mode") == mode
    ]


def found_by(answers: Answers) -> list[str]:
    """Returns the ``Type/id`` of every entry of the answers."""
    found = []
    for _, answer, _ in pairs(answers, answers):
        try:
            bundle = json.loads(answer["body"]) if answer else {}
        except ValueError:
            continue
        if isinstance(bundle, dict):
            found += ["/".join(str(entry.get("fullUrl", "")).rsplit("/", 2)[-2:]) for entry in bundle.get("entry", ())]
    return found


def subject(ask: Ask) -> str:
    """Describes a request in a few words, by the kinds of its parameters and not their values."""
    if ask.kind in ("create", "posted", "load"):
        return ask.kind
    resource_type = ask.path.split("/", 1)[0]
    parts = sorted({_describe(resource_type, name, value) for name, value in ask.pairs})
    kind = "" if ask.kind == "search" else f"{ask.kind} "
    if ask.kind == "read":
        kind += re.sub(r"^[^/]*/[^/]*", "", ask.path) + " "
    return (kind + " & ".join(parts)).strip() or "no parameters"


def _describe(resource_type: str, name: str, value: str) -> str:
    stem, _, modifier = name.partition(":")
    defined = search_parameters(resource_type) if resource_type[:1].isupper() and _is_type(resource_type) else {}
    if stem == "_has":
        source, _, rest = modifier.partition(":")
        rest = rest.partition(":")[2]
        return f"_has→{_describe(source, rest, value)}" if _is_type(source) else "_has→?"
    if stem in ("_include", "_revinclude"):
        star = "*" if "*" in value else ""
        return f"{stem}{':' + modifier if modifier else ''}{star}"
    if stem == "_sort":
        names = [part.strip().lstrip("-") for part in value.split(",")]
        return f"_sort({','.join(defined[n].type if n in defined else '?' for n in names)})"
    if stem in CONTROL:
        return f"{stem}={value}" if len(value) < 12 else stem
    if "." in name:
        head, _, rest = name.partition(".")
        head, _, target = head.partition(":")
        if not target and head in defined:
            kinds = [
                t
                for t in defined[head].targets or ()
                if rest.partition(".")[0].partition(":")[0] in search_parameters(t)
            ]
            target = kinds[0] if kinds else ""
        return f"chain→{_describe(target, rest, value) if _is_type(target) else '?'}"
    if stem not in defined:
        return "unknown"
    kind = stem if stem.startswith("_") else defined[stem].type
    if modifier:
        kind += ":" + (modifier if not modifier[:1].isupper() else "Type")
    values = split_alternatives(value)
    if kind.startswith(("date", "quantity", "number", "_lastUpdated")):
        kind += " " + "".join(sorted({(re.match("[a-z]*", v) or [""])[0][:2] for v in values}))
        kind = kind.strip()
    return kind + (" several" if len(values) > 1 else "")


def _is_type(name: str) -> bool:
    try:
        search_parameters(name)
    except KeyError:
        return False
    return True


def explained(theirs: Answers, ours: Answers, base_url: str) -> Sequence[str]:
    """Returns a few lines with the first part in which two answers differ."""
    for name, a, b in pairs(theirs, ours):
        first, second = views(a, base_url), views(b, base_url)
        if first != second:
            return [
                f"theirs {name}: {_brief(a, first, second)}",
                f"ours   {name}: {_brief(b, second, first)}",
            ]
    return []


def _brief(answer: Answer | None, view: Sequence[Any], other: Sequence[Any]) -> str:
    if answer is None:
        return "none"
    body, rival = view[1][0], other[1][0] if other[1] else None
    if not isinstance(answer["status"], int) or answer["status"] >= 300:
        return f"{answer['status']} {_diagnostics(answer)[:300] or repr(answer['body'][:200])}"
    if isinstance(body, dict) and body.get("resourceType") == "Bundle":
        modes = ("match", "include")
        ids = [[url.rsplit("/", 1)[-1] for url in _entries(body, mode)] for mode in modes]
        same = isinstance(rival, dict) and [_entries(body, m) for m in modes] == [_entries(rival, m) for m in modes]
        if not same:
            return f"200 total {body.get('total')} [{' '.join(ids[0])[:400]}] [{' '.join(ids[1])[:300]}]"
    text, rival_text = str(view[2][0]), str(other[2][0]) if other[2] else ""
    both = enumerate(zip(text, rival_text, strict=False))
    at = next((i for i, (x, y) in both if x != y), min(len(text), len(rival_text)))
    return f"{answer['status']} …{text[max(0, at - 80) : at + 120]!r}"
