"""Changes that may make a script of actions more expensive; for the search of ``scripts/bench --worst``."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from _grammar import Grammar
from _grammar_actions import GET, NEXT, POST, Action, Pair, as_text

from mab_gym.actions import MAX_BODY_CHARS, MAX_URL_CHARS
from mab_gym.fhir.model._definitions import resource_types

_ROOM = MAX_BODY_CHARS - 2_000
_PEOPLE = 700


@dataclass(frozen=True, slots=True)
class Script:
    """The actions of an agent in one episode, up to the one that is measured.

    Attributes:
        before: The first actions: writes, or the search whose next page is asked for.
        action: The measured action.
        variant: The variant of the case, or empty.
        case: A number that chooses the case.
    """

    before: tuple[Action, ...]
    action: Action
    variant: str = ""
    case: int = 0


def first_script(grammar: Grammar, seed: int) -> Script:
    """Makes a script from the grammar alone."""
    grammar.seeded(seed)
    rng = grammar.rng
    action = grammar.request()
    before = [_write(grammar, action) for _ in range(rng.choices((0, 1, 2, 5), (55, 30, 10, 5))[0])]
    if action.verb == NEXT:
        before.append(grammar.search())
    return Script(tuple(before), action, rng.choices(("", "distractors"), (80, 20))[0], rng.randrange(300))


def changed_script(grammar: Grammar, script: Script, seed: int) -> Script:
    """Makes a script that differs by one step."""
    grammar.seeded(f"change {seed}")
    rng = grammar.rng
    action = script.action
    if rng.random() < 0.12:
        return replace(script, variant="" if script.variant else "distractors")
    if rng.random() < 0.15:
        before = script.before + tuple(_write(grammar, action) for _ in range(rng.choice((1, 3))))
        return replace(script, before=before if len(before) < 12 else ())
    if action.verb == NEXT and script.before:
        *first, searched = script.before
        return replace(script, before=(*first, _changed_get(grammar, searched)))
    if action.verb == GET:
        if rng.random() < 0.25:
            return replace(script, action=batched(rng, grammar, action))
        return replace(script, action=_changed_get(grammar, action))
    if action.verb == POST and isinstance(action.body, dict) and action.body.get("resourceType") == "Bundle":
        return replace(script, action=_changed_bundle(grammar, action))
    if action.verb == POST and isinstance(action.body, dict):
        return replace(script, action=_changed_resource(grammar, action))
    return replace(script, action=grammar.request())


def _write(grammar: Grammar, action: Action) -> Action:
    """Makes a write, preferably of the action's type."""
    return grammar.create(_kind(action) if grammar.rng.random() < 0.6 else "")


# --- searches ------------------------------------------------------------------------------------------------------


def _changed_get(grammar: Grammar, action: Action) -> Action:
    changes: tuple[Callable[[Grammar, Action], Action], ...] = (
        _with_more, _with_more, _with_fewer, _repeated, _many_values, _counted, _counted, _included, _nested, _sorted,
        _other_type, _broad,
    )  # fmt: skip
    changed = grammar.rng.choice(changes)(grammar, action)
    return changed if len(changed.target) < MAX_URL_CHARS - 100 else action


def _kind(action: Action) -> str:
    """Returns the type that a request is about, or a random one if it is about none."""
    kind = action.path.partition("/")[0]
    return kind if kind in resource_types() else "Patient"


def _with_more(grammar: Grammar, action: Action) -> Action:
    return replace(action, pairs=(*action.pairs, grammar.condition(_kind(action))))


def _with_fewer(grammar: Grammar, action: Action) -> Action:
    left = grammar.rng.randrange(len(action.pairs)) if action.pairs else 0
    return replace(action, pairs=action.pairs[:left] + action.pairs[left + 1 :])


def _repeated(grammar: Grammar, action: Action) -> Action:
    if not action.pairs:
        return _with_more(grammar, action)
    return replace(action, pairs=action.pairs + (grammar.rng.choice(action.pairs),) * grammar.rng.choice((1, 5, 50)))


def _many_values(grammar: Grammar, action: Action) -> Action:
    found = [place for place, (name, _) in enumerate(action.pairs) if not name.startswith("_")]
    if not found:
        return _with_more(grammar, action)
    place = grammar.rng.choice(found)
    name, value = action.pairs[place]
    if grammar.rng.random() < 0.5 or "." in name:
        pair: Pair = (name, ",".join([value] * grammar.rng.choice((2, 20, 200)))[:30_000])
    else:
        pair = grammar.many_values(_kind(action), (name, value))
    return replace(action, pairs=(*action.pairs[:place], pair, *action.pairs[place + 1 :]))


def _counted(grammar: Grammar, action: Action) -> Action:
    pairs = tuple(pair for pair in action.pairs if pair[0] not in ("_count", "_summary", "_total", "_elements"))
    more: list[Pair] = [("_count", grammar.rng.choice(("100", "1000", "5000", "10000", "100000")))]
    if grammar.rng.random() < 0.3:
        more.append(grammar.control(grammar.rng.choice(("_total", "_offset", "_pretty", "_format", "_elements"))))
    return replace(action, pairs=(*pairs, *more))


def _included(grammar: Grammar, action: Action) -> Action:
    if grammar.rng.random() < 0.4:
        every = grammar.rng.choice(
            (("_revinclude", "*"), ("_include", "*"), ("_revinclude:iterate", "Observation:subject"),
             ("_revinclude", "Observation:patient"), ("_include:iterate", "Observation:subject"))
        )  # fmt: skip
        return replace(action, pairs=(*action.pairs, every))
    return replace(action, pairs=(*action.pairs, *grammar.includes(_kind(action))))


def _nested(grammar: Grammar, action: Action) -> Action:
    """Moves a condition behind a reference or a reverse chain."""
    rng = grammar.rng
    if not action.pairs:
        return _with_more(grammar, action)
    place = rng.randrange(len(action.pairs))
    name, value = action.pairs[place]
    forms = {
        "Patient": (f"_has:Observation:patient:patient.{name}", "_has:Condition:subject:code", f"link.{name}"),
        "Observation": (f"subject.{name}", f"patient:Patient._has:Observation:patient:{name}", "patient.name"),
    }
    chosen = rng.choice(forms.get(_kind(action), (f"patient.{name}", f"subject:Patient.{name}")))
    return replace(action, pairs=(*action.pairs[:place], (chosen, value), *action.pairs[place + 1 :]))


def _sorted(grammar: Grammar, action: Action) -> Action:
    pairs = tuple(pair for pair in action.pairs if pair[0] != "_sort")
    return replace(action, pairs=(*pairs, grammar.sort(_kind(action))))


def _other_type(grammar: Grammar, action: Action) -> Action:
    rest = action.path.partition("/")[1:]
    kind = grammar.rng.choice(("Observation", "Observation", "Procedure", "Condition", "MedicationRequest", "Patient"))
    return replace(action, path=kind + "".join(rest))


def _broad(grammar: Grammar, action: Action) -> Action:
    """Removes the conditions, and keeps the controls of the output."""
    return replace(action, pairs=tuple(pair for pair in action.pairs if pair[0].startswith(("_s", "_c", "_i", "_r"))))


# --- bundles -------------------------------------------------------------------------------------------------------


def batched(rng: random.Random, grammar: Grammar, action: Action) -> Action:
    """Repeats a request in a batch, each time the same or about another patient."""
    length = len(action.target) + 60
    count = min(rng.choice((2, 10, 100, 2_000, 20_000)), _ROOM // length)
    varied = rng.random() < 0.5
    targets = [_varied(grammar, action, varied=varied).target for _ in range(min(count, _PEOPLE))]
    targets = (targets * (count // len(targets) + 1))[:count] if targets else []
    entries = [{"request": {"method": "GET", "url": url}} for url in targets]
    kind = rng.choice(("batch", "batch", "transaction"))
    return Action("bundle", POST, "", body={"resourceType": "Bundle", "type": kind, "entry": entries})


def _varied(grammar: Grammar, action: Action, *, varied: bool) -> Action:
    if not varied:
        return action
    parts = action.path.split("/")
    if len(parts) > 1 and not parts[1].startswith(("$", "_")):
        parts[1] = str(grammar.one_of(parts[0])["id"])
        return replace(action, path="/".join(parts))
    who = str(grammar.one_of("Patient")["id"])
    return replace(action, pairs=(*(p for p in action.pairs if p[0] != "patient"), ("patient", who)))


def _changed_bundle(grammar: Grammar, action: Action) -> Action:
    rng = grammar.rng
    bundle: dict[str, Any] = copy.deepcopy(action.body)
    entries = bundle.setdefault("entry", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return grammar.bundle()
    form = rng.random()
    if form < 0.35 and entries:
        length = len(as_text(entries)) // len(entries) + 2
        entries *= max(1, min(rng.choice((2, 5, 50)), _ROOM // (length * len(entries))))
    elif form < 0.5 and entries:
        bundle["entry"] = entries[: max(1, len(entries) // rng.choice((2, 10)))]
    elif form < 0.6:
        bundle["type"] = "transaction" if bundle.get("type") == "batch" else "batch"
    elif form < 0.7 or not entries:
        entries.append(grammar.entry())
    else:
        first = entries[0].get("request", {})
        if first.get("method") != "GET":
            entries.insert(0, grammar.entry())
        else:
            path, _, query = str(first.get("url", "")).partition("?")
            pairs = tuple(parse_qsl(query, keep_blank_values=True, errors="replace"))
            changed = _changed_get(grammar, Action("search", GET, path, pairs))
            for entry in entries:
                if entry.get("request", {}).get("url") == first["url"]:
                    entry["request"] = {"method": "GET", "url": changed.target}
    return replace(action, body=bundle) if len(as_text(bundle)) < _ROOM else action


# --- resources -----------------------------------------------------------------------------------------------------


def _changed_resource(grammar: Grammar, action: Action) -> Action:
    """Makes a list or a text longer, or repeats the resource in a Bundle."""
    rng = grammar.rng
    resource: dict[str, Any] = copy.deepcopy(action.body)
    lists = [value for value in resource.values() if isinstance(value, list) and value]
    if rng.random() < 0.4 or not lists:
        length = len(as_text(resource)) + 80
        entry = {"request": {"method": "POST", "url": action.path}, "resource": resource}
        count = max(1, min(rng.choice((5, 100, 5_000)), _ROOM // length))
        bundle = {"resourceType": "Bundle", "type": rng.choice(("batch", "transaction")), "entry": [entry] * count}
        return Action("bundle", POST, "", body=bundle)
    chosen = rng.choice(lists)
    chosen *= max(1, min(rng.choice((3, 100, 5_000)), _ROOM // (len(as_text(resource)) + 1)))
    return replace(action, body=resource) if len(as_text(resource)) < _ROOM else action
