"""Validates a resource: walks through its elements, in the order in which HAPI's validator does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mab_gym.fhir.model._outcome import FhirError, Issue
from mab_gym.fhir.store._budget import Budget
from mab_gym.fhir.validation._bindings import (
    Place,
    check_attachment,
    check_coding,
    check_concept,
    check_identifier,
    check_plain,
    check_quantity,
)
from mab_gym.fhir.validation._divs import check_div, check_language
from mab_gym.fhir.validation._elements import Element, Reader
from mab_gym.fhir.validation._extensions import check_extension, check_part
from mab_gym.fhir.validation._invariants import failed
from mab_gym.fhir.validation._issues import Finding, add_new
from mab_gym.fhir.validation._json_places import scan
from mab_gym.fhir.validation._paths import path_to, with_paths
from mab_gym.fhir.validation._primitives import check_value, is_id
from mab_gym.fhir.validation._references import check_reference
from mab_gym.fhir.validation._rules import (
    BASE,
    VERSION,
    Structure,
    Use,
    constrained,
    is_known,
    is_primitive,
    is_resource,
    rule_at,
    structure,
)
from mab_gym.fhir.validation._specials import check_special
from mab_gym.fhir.validation._wholes import about, check_counts, check_labels, check_orphans, stated_profiles

_READING = 0.2
"""Units of work for reading one character."""
_ELEMENT = 12.0
"""Units of work for testing one element."""

_DETAIL = 20.0
"""Units of work for saying once more what is wrong with a resource to which something refers."""

_CHECKS = {
    "Identifier": check_identifier,
    "Coding": check_coding,
    "Quantity": check_quantity,
    "Attachment": check_attachment,
    "CodeableConcept": check_concept,
}


def validate(text: str, resource_type: str, profiles: Sequence[str], budget: Budget) -> list[Finding]:
    """Returns what HAPI's validator finds in a resource.

    Args:
        text: The resource's JSON.
        resource_type: Its type.
        profiles: The canonical URLs of the profiles that were asked for; unknown ones are left out.
        budget: Pays for the work.

    Raises:
        PlainJsonError: It is not plain JSON.
        FhirError: It is more than the budget allows, or it states a profile that is not known here.
    """
    return _Run(text, budget).whole(resource_type, profiles)


def is_profile(url: str) -> bool:
    """True if a URL is that of a definition of the specification."""
    return url.startswith(BASE) and bool(constrained(url.partition("|")[0].removeprefix(BASE)))


def _structure_of(definition: str) -> Structure:
    """Returns the definition of a type.

    Raises:
        FhirError: It is a profile, whose own rules are not known here.
    """
    if not is_known(definition):
        raise FhirError(501, Issue(f"The profile {BASE}{definition} is not validated against", "not-supported"))
    return structure(definition)


class _Run:
    """One validation.

    Attributes:
        text: The text that was sent.
        budget: Pays for the work.
        tidy: True if all of it is FHIR's JSON.
        base_only: True if no profile was asked for.
        ids: The elements by their ids, in the resource that is being tested.
        tested: What was found in a resource by the definition of a type.
    """

    def __init__(self, text: str, budget: Budget) -> None:
        self.text = text
        self.budget = budget
        self.tidy = True
        self.base_only = True
        self.ids: dict[str, Element] = {}
        self.tested: dict[tuple[int, str], list[Finding]] = {}

    def spend(self, work: float) -> None:
        """Charges for work."""
        self.budget.read(work)

    def root_of(self, element: Element) -> Element:
        """Returns the outermost resource; an entry of Parameters or of a Bundle is one of its own."""
        root = element
        for root in element.around():
            if root.special in ("entry", "parameter"):
                break
        return root

    def whole(self, resource_type: str, profiles: Sequence[str]) -> list[Finding]:
        """Tests the resource that was sent."""
        self.spend(len(self.text) * _READING)
        source = scan(self.text)
        reader = Reader(lambda count: self.spend(count * _ELEMENT))
        root = reader.resource(source, resource_type)
        wanted = [each.partition("|")[0] for each in [*profiles, *stated_profiles(root)] if is_profile(each)]
        self.base_only = not wanted
        self.tidy = not reader.findings and not reader.bare
        found = reader.findings
        for profile in dict.fromkeys(wanted) or [BASE + resource_type]:
            self.ids = {}
            self._resource(root, profile.removeprefix(BASE), root.type, found, required=False)
        return found

    # --- resources -------------------------------------------------------------------------------------------------

    def _resource(
        self,
        element: Element,
        definition: str,
        path: str,
        found: list[Finding],
        *,
        required: bool,
        orphans: bool = True,
    ) -> None:
        """Tests a resource by a definition: HAPI's ``validateResource``."""
        self._check_id(element, path, found, required=required)
        if constrained(definition) != element.type:
            text = f"Specified profile type was '{constrained(definition)}' in profile '{BASE}{definition}|{VERSION}', "
            text += f"but found type '{element.type}'"
            found.append(about(element, "error", path, text, "Validation_VAL_Profile_WrongType"))
        else:
            self._by_definition(element, definition, path, found, special=True)
            self._check_profiles(element, definition, path, found)
        if orphans:
            check_orphans(element, path, found)

    @staticmethod
    def _check_id(element: Element, path: str, found: list[Finding], *, required: bool) -> None:
        logical_id = element.child("id")
        if logical_id is None:
            if required:
                text = "Resource requires an id, but none is present"
                found.append(about(element, "error", path, text, "Resource_RES_ID_Missing"))
            return
        value = logical_id.value
        if value is not None and len(value) > 64:
            text = f"Invalid Resource id: Too long ({len(value)} chars)"
            found.append(about(logical_id, "error", f"{path}.id", text, "Resource_RES_ID_Malformed_Length"))
        elif value is None or not is_id(value):
            text = f"Invalid Resource id: Invalid Characters ('{'null' if value is None else value}')"
            found.append(about(logical_id, "error", f"{path}.id", text, "Resource_RES_ID_Malformed_Chars"))

    def _by_definition(
        self, element: Element, definition: str, path: str, found: list[Finding], *, special: bool
    ) -> None:
        """Tests a resource by the definition of its type, once: HAPI's ``startInner``."""
        key = (id(element), definition)
        if key in self.tested:
            _take_over(element, self.tested[key], found)
            return
        mine: list[Finding] = []
        self.tested[key] = []  # while it is being tested, a reference to it finds nothing
        self._content(element, _structure_of(definition), path, element, mine, None)
        self.tested[key] = mine
        _take_over(element, mine, found)
        if special:
            check_special(element, path, found)
            check_language(element, path, found)
            check_labels(element, path, found)

    def _check_profiles(self, element: Element, definition: str, path: str, found: list[Finding]) -> None:
        """Tests a resource by the profiles that it states."""
        for index, url in enumerate(stated_profiles(element)):
            name = url.partition("|")[0].removeprefix(BASE)
            if is_profile(url):
                if name != definition:
                    self._by_definition(element, name, path, found, special=False)
                continue
            text = (
                f"Profile reference '{url}' has not been checked because it could not be found, and the validator is "
                "set to not fetch unknown profiles"
            )
            place = f"{path}.meta.profile[{index}]"
            found.append(about(element, "error", place, text, "VALIDATION_VAL_PROFILE_UNKNOWN_NOT_POLICY"))

    def _conforms(self, element: Element, definition: str) -> list[Finding]:
        """Returns what is wrong with a contained resource to which something refers."""
        found: list[Finding] = []
        path = path_to(element)
        before, self.ids = self.ids, {}
        self._resource(element, definition, path, found, required=False, orphans=False)
        self.ids = before
        self.spend(len(found) * _DETAIL)
        return found

    def _inner_resource(self, element: Element, path: str, found: list[Finding]) -> None:
        """Tests a resource in another one: HAPI's ``validateContains``."""
        if element.type == "Resource":  # it states no type, which was said already
            return
        path += f"/*{element.type}/{element.child_value('id') or 'null'}*/"
        before, self.ids = self.ids, {}
        check_special(element, path, found)
        self._resource(element, element.type, path, found, required=element.special == "contained")
        self.ids = before

    # --- elements --------------------------------------------------------------------------------------------------

    def _content(
        self,
        element: Element,
        definition: Structure,
        path: str,
        resource: Element,
        found: list[Finding],
        around: str | None,
    ) -> None:
        """Tests what is in an element: HAPI's ``validateElement``."""
        self._check_id_once(element, path, resource, found)
        strange = _strange(element, definition) if definition.kind == "resource" else ()
        for child, child_path in with_paths(element, path) if strange else ():
            if child in strange:
                text = f"This element is not allowed by the profile {definition.versioned}"
                found.append(about(child, "error", child_path, text, "Validation_VAL_Profile_NotAllowed"))
        check_counts(element, definition, path, found)
        for child, child_path in with_paths(element, path):
            if child not in strange:
                self._child(child, child_path, resource, found, around)
        self._constraints(definition.uses, element, resource, path, found)

    def _check_id_once(self, element: Element, path: str, resource: Element, found: list[Finding]) -> None:
        own = element.child_value("id")
        if not own or element is resource:
            return
        if self.ids.setdefault(own, element) is not element:
            text = f"Duplicate id value '{own}'"
            found.append(about(element, "error", path, text, "DUPLICATE_ID"))
            self.ids[own] = element

    def _constraints(
        self, uses: Iterable[Use], element: Element, resource: Element, path: str, found: list[Finding]
    ) -> None:
        for use in uses:
            finding = failed(use, element, resource, path, self)
            if finding is not None:
                found.append(finding)

    def _child(self, element: Element, path: str, resource: Element, found: list[Finding], around: str | None) -> None:
        """Tests one element: HAPI's ``checkChildByDefinition``."""
        rule = element.rule
        assert rule is not None
        uses = rule_at(rule.types[0].name).uses if rule.refers else rule.uses
        self._constraints(uses, element, resource, path, found)
        place = Place(element, rule, path, self.base_only, found)
        if is_primitive(element.type):
            self._primitive(place, resource)
        elif is_resource(element.type):
            self._inner_resource(element, path, found)
        elif "." in element.type:
            self._content(element, structure(element.type), path, resource, found, None)
        else:
            self._typed(place, resource, around)

    def _primitive(self, place: Place, resource: Element) -> None:
        element, rule = place.element, place.rule
        if check_value(element, rule, element.type, place.path, place.found):
            if rule.value_set:
                check_plain(place, element.type)
            if element.type == "xhtml":
                resource.mentions |= check_div(place, self.root_of(element))
            elif element.value is not None and element.value[:1] == "#" and element.type in ("uri", "url", "canonical"):
                resource.mentions.add(element.value[1:])
        if element.children or not rule.uses:
            self._content(element, structure(element.type), place.path, resource, place.found, None)

    def _typed(self, place: Place, resource: Element, around: str | None) -> None:
        element = place.element
        url: str | None = None
        if element.type == "Reference":
            check_reference(place, resource.mentions, self._conforms, self.spend)
        elif element.type == "Extension":
            assert element.parent is not None
            url = check_extension(place, element.parent, around)
        elif element.type != "Coding" or element.name != "coding" or place.rule.value_set:
            check = _CHECKS.get(element.type)
            if check is not None:
                check(place)
        self._content(element, structure(_profile(element)), place.path, resource, place.found, url)
        if around is not None and element.type == "Extension":
            check_part(place, around)


def _take_over(resource: Element, mine: list[Finding], found: list[Finding]) -> None:
    """Adds the findings about a resource; what is there twice is left out when the outermost one's are added."""
    if resource.parent is None:
        add_new(found, mine)
    else:
        found.extend(mine)


def _profile(element: Element) -> str:
    """Returns the type of an element, or the profile of it that its rule names."""
    assert element.rule is not None
    of = next(each for each in element.rule.types if each.name == element.type)
    return of.profile or of.name


def _strange(element: Element, definition: Structure) -> Sequence[Element]:
    """Returns the children that another type's definition does not have."""
    if definition.name == element.type or definition.name in ("Resource", "DomainResource"):
        return ()
    names = {rule.name for rule in definition.rules}
    return [child for child in element.children if child.rule is not None and child.rule.name not in names]
