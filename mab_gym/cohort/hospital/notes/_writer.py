"""The one who writes all notes of a person: knows the past, the staff, the ledger, and what was written before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mab_gym.cohort._streams import stream
from mab_gym.cohort.hospital._catalogue import CONDITIONS, DRUGS, REASONS
from mab_gym.cohort.hospital._history import History, Note, Practitioner, Prescription, Problem, Staff, Visit, local
from mab_gym.cohort.hospital._spec import HospitalSpec
from mab_gym.cohort.hospital.notes._facts import Ledger, Told
from mab_gym.cohort.hospital.notes._past import Past
from mab_gym.cohort.hospital.notes._phrases import Draw, phrases
from mab_gym.cohort.hospital.notes._scene import Scene, condition_name
from mab_gym.cohort.hospital.notes._stories import relation_word
from mab_gym.cohort.hospital.notes._stories_all import draw_stories
from mab_gym.cohort.hospital.notes._style import Style, style_of
from mab_gym.cohort.hospital.notes._words import NEGATIVES, POSITIVES

NOTES: Final = 321
"""The number of the notes' random streams; each person has one."""
_OUTSIDE_STYLE: Final = 5_000
"""The styles of those who write from elsewhere begin at this number."""


class Writer:
    """Writes a person's notes in the order of time.

    Attributes:
        history: The person's.
        staff: The hospital.
        past: The history, ordered.
        draw: The person's own stream.
        ledger: Facts that notes hold.
        letters: Letters from elsewhere that are due.
        notes: Those written so far, by the list of the history.
        told: What each of them holds of the ledger.
        last: Sentences of the last progress note of each visit, by section.
        stories: How each illness began, by visit: later notes of a visit and of the stay that follows tell it alike.
        sides: The side of the body on which it is, in the same way.
    """

    def __init__(self, spec: HospitalSpec, staff: Staff, history: History) -> None:
        self.history = history
        self.staff = staff
        self.entropy = spec.entropy
        self.draw = Draw(stream(spec.entropy, NOTES, history.person.number))
        self.past = Past(history)
        stories = draw_stories(staff, self.past, self.draw)
        self.ledger = Ledger(stories.tales)
        self.letters = stories.letters
        self.notes = history.notes
        self.told: list[list[Told]] = []
        self.last: dict[int, dict[str, str]] = {}
        self.stories: dict[int, str] = {}
        self.sides: dict[int, str] = {}
        self._bases: dict[tuple[int, int], dict[str, str]] = {}
        self._people: dict[tuple[str, str], list[Practitioner]] = {}
        self._person = _person_words(history, staff)

    def base(self, style: Style, moment: int) -> dict[str, str]:
        """Returns the words of the person at a moment, in an author's terms; not to be changed."""
        age = self.history.person.age(moment)
        key = (style.number, age)
        if key not in self._bases:
            words = {**self._person, **style.words}
            article = "an" if str(age)[0] == "8" or age in (11, 18) else "a"
            words["a_age"] = f"{article} {age}{words['yo']}"
            short = f"{age}{words['yo']}"
            words["a_age_cap"] = short if style.terse > 0.3 else f"{article.capitalize()} {short}"
            words["age_yo"] = short
            words["man"], words["mw"] = _man(age, self.history.person.female, style.terse)
            self._bases[key] = words
        return self._bases[key]

    def people(self, service: str, role: str = "physician") -> Sequence[Practitioner]:
        """Returns the people of a service with a role; where it has none, those of medicine."""
        key = (service, role)
        if key not in self._people:
            found = self.staff.of(service, role) or self.staff.of("medicine", role) or self.staff.of("primary", role)
            self._people[key] = found or list(self.staff.practitioners[:1])
        return self._people[key]

    def scene(self, kind: str, author: Practitioner, moment: int, visit: int | None, most: int) -> Scene:
        """Begins a note.

        Args:
            kind: As in `Note.kind`.
            author: Who writes it.
            moment: When it is signed.
            visit: Place of the visit.
            most: The most facts that it tells for the first time.
        """
        style = style_of(self.entropy, author)
        words = self.base(style, moment)
        return Scene(kind, author, style, moment, visit, words, self.past, self.ledger, self.draw, most)

    def letter(self, place: int, moment: int) -> Scene:
        """Begins a letter from elsewhere; each place has an author of its own."""
        name = self.staff.outside[place]
        author = Practitioner(_OUTSIDE_STYLE + place, "R", name, "physician", "outside", "", "MD")
        scene = self.scene("outside", author, moment, None, -1)
        scene.slots["place"] = name
        return scene

    def add(self, scene: Scene, title: str, text: str, outside: int | None = None) -> int:
        """Adds a finished note and returns its place."""
        place = len(self.notes)
        author = None if outside is not None else scene.author.number
        self.notes.append(Note(scene.kind, scene.moment, scene.visit, author, outside, title, text))
        self.ledger.write(place, scene.told)
        self.told.append(scene.told)
        return place

    def pmh(self, scene: Scene, most: int, without: Sequence[str] = ()) -> None:
        """Sets the words that name the most important long-term problems."""
        names = [
            phrases("chronic").write(f"{one.key}.name", scene.slots, self.draw)
            if f"{one.key}.name" in phrases("chronic")
            else condition_name(one.key)
            for one in self.draw.some(self.chronic(scene.moment, without), most)
        ]
        text = listed(names)
        scene.slots["pmh"] = text or "no chronic illness"
        words = scene.slots["hpmh"]
        scene.slots["pmh_comma"] = f" {scene.slots['w']} {words} {text}" if text else ""

    def chronic(self, moment: int, without: Sequence[str] = ()) -> list[Problem]:
        """Returns the long-term problems that are known at a moment."""
        found = self.past.problems(moment)
        return [one for one in found if one.chronic and one.key in CONDITIONS and one.key not in without]

    def list_of(self, scene: Scene, drugs: Sequence[Prescription]) -> str:
        """Returns drugs with doses as a list in the author's form."""
        return scene.listed([scene.style.order_text(one, drug_name(one.drug)) for one in drugs])

    def complaint(self, visit: Visit) -> str:
        """Returns in words why somebody came."""
        return _lower(REASONS[visit.reason].display) if visit.reason in REASONS else visit.reason.replace("_", " ")

    def problem_key(self, visit: Visit) -> str:
        """Returns the key of a visit's principal problem; ``other`` if it has none."""
        return self.history.problems[visit.problems[0]].key if visit.problems else "other"

    def problem_name(self, visit: Visit) -> str:
        """Returns a visit's principal problem in words."""
        return condition_name(self.problem_key(visit)) if visit.problems else self.complaint(visit)

    def negatives(self, scene: Scene, story: str) -> None:
        """Sets what the person denies, and what they do not.

        Args:
            scene: The note.
            story: How the illness began: nothing of it is denied.
        """
        loose = any(word in f"{story} {scene.slots.get('complaint', '')}".lower() for word in ("diarrhea", "stool"))
        some = [text for text in self.draw.some(POSITIVES, 3) if not (loose and "constipated" in text)][:2]
        scene.slots["pos"] = " and ".join(text.format_map(scene.slots) for text in some)
        told = f"{scene.slots.get('complaint', '')} {story} {scene.slots['pos']}".lower()
        words = [
            word for word in self.draw.some(NEGATIVES, 12) if not any(part in told for part in word.split(" ")[-1:])
        ]
        for place, word in enumerate([*words, "fever", "rash", "syncope", "itching"][:4], 1):
            scene.slots[f"neg{place}"] = word


def listed(names: Sequence[str]) -> str:
    """Joins names with commas and an and."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def drug_name(key: str) -> str:
    """Returns a drug by its ingredient."""
    return DRUGS[key].ingredient if key in DRUGS and DRUGS[key].ingredient else key.replace("_", " ")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _man(age: int, female: bool, terse: float) -> tuple[str, str]:
    if age < 16:
        return ("girl", "girl") if female else ("boy", "boy")
    short = ("F" if female else "M") if terse > 0.3 else ("woman" if female else "man")
    return ("woman" if female else "man"), short


def _person_words(history: History, staff: Staff) -> dict[str, str]:
    person = history.person
    female = person.female
    contact = next((one for one in person.relatives if one.contact), None)
    doctor = staff.practitioners[person.doctor]
    kin = relation_word(contact, female) if contact else "neighbor"
    return {
        "he": "she" if female else "he",
        "him": "her" if female else "him",
        "his": "her" if female else "his",
        "himself": "herself" if female else "himself",
        "He": "She" if female else "He",
        "mr": "Ms." if female else "Mr.",
        "family": person.family,
        "given": person.given[0],
        "name": f"{person.given[0]} {person.family}",
        "born": f"{person.born.month:02d}/{person.born.day:02d}/{person.born.year}",
        "kinword": f"{kin} {contact.given}" if contact else kin,
        "doctor": f"Dr. {doctor.family}",
        "docfamily": doctor.family,
        "pharmacy": staff.outside[person.pharmacy] if staff.outside else "the pharmacy",
        "phone": f"555-{200 + person.number % 700}-{1000 + person.number * 7 % 9000}",
    }


def place_name(staff: Staff, place: int) -> str:
    """Returns a ward or clinic by its name."""
    return staff.places[place].name


def hospital_day(start: int, moment: int) -> int:
    """Returns the day of a stay, from 1."""
    return (local(moment).date() - local(start).date()).days + 1
