import pytest

from mab_gym.fhir.model._definitions import elements, is_primitive, resource_types, search_parameters


def test_resource_types_are_the_146_of_r4_in_alphabetical_order() -> None:
    types = resource_types()

    assert len(types) == 146
    assert list(types) == sorted(types)
    assert {"Patient", "Bundle", "Parameters", "Binary"} <= set(types)
    assert not {"Resource", "DomainResource", "Element", "Quantity"} & set(types)


def test_elements_of_a_resource_begin_with_the_inherited_ones() -> None:
    names = list(elements("Observation"))

    inherited = ["id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"]
    assert names[:8] == inherited
    assert names[8:12] == ["identifier", "basedOn", "partOf", "status"]


def test_elements_of_a_resource_that_is_no_domain_resource() -> None:
    assert list(elements("Bundle"))[:5] == ["id", "meta", "implicitRules", "language", "identifier"]


def test_elements_of_a_backbone_element_and_of_a_datatype() -> None:
    assert list(elements("Observation.component"))[:4] == ["id", "extension", "modifierExtension", "code"]
    assert list(elements("Coding")) == ["id", "extension", "system", "version", "code", "display", "userSelected"]
    assert list(elements("string")) == ["id", "extension"]
    assert list(elements("Age")) == list(elements("Quantity"))


def test_a_choice_is_listed_by_its_concrete_names() -> None:
    observation = elements("Observation")

    assert "value[x]" not in observation
    assert observation["valueQuantity"].types == ("Quantity",)
    assert observation["valueQuantity"].choice == "value"
    assert observation["effectiveDateTime"].primitive


def test_a_content_reference_names_the_type_it_points_to() -> None:
    assert elements("Observation.component")["referenceRange"].types == ("Observation.referenceRange",)


def test_a_required_binding_of_a_code_lists_its_codes() -> None:
    status = elements("Observation")["status"]

    assert status.binding == "ObservationStatus"
    assert {"final", "entered-in-error", "unknown"} <= status.codes
    assert elements("Observation")["category"].binding is None
    assert elements("Attachment")["contentType"].binding is None


def test_many_summary_and_reference_targets() -> None:
    observation = elements("Observation")

    assert observation["category"].many
    assert not observation["code"].many
    assert observation["status"].summary
    assert not observation["note"].summary
    assert observation["subject"].reference_targets == ("Patient", "Group", "Device", "Location")


def test_every_type_that_an_element_names_is_defined() -> None:
    for resource_type in resource_types():
        for element in elements(resource_type).values():
            assert elements(element.type)


def test_search_parameters_are_those_that_hapi_lists_for_medication() -> None:
    assert ", ".join(search_parameters("Medication")) == (
        "_content, _id, _lastUpdated, _profile, _security, _source, _tag, _text, code, expiration-date, form, "
        "identifier, ingredient, ingredient-code, lot-number, manufacturer, status"
    )


def test_an_expression_keeps_only_the_alternatives_of_its_resource_type() -> None:
    assert search_parameters("Observation")["patient"].expression == "Observation.subject.where(resolve() is Patient)"
    assert search_parameters("Patient")["phonetic"].expression == "Patient.name"
    assert search_parameters("Patient")["_id"].expression == "Resource.id"
    assert search_parameters("Patient")["_text"].expression == ""


def test_a_composite_names_its_components() -> None:
    parameter = search_parameters("Observation")["code-value-quantity"]

    assert parameter.type == "composite"
    assert parameter.components == (("code", "code"), ("value-quantity", "value.as(Quantity)"))


def test_targets_are_empty_where_any_type_may_be_meant() -> None:
    assert search_parameters("Patient")["general-practitioner"].targets == (
        "Practitioner",
        "Organization",
        "PractitionerRole",
    )
    assert search_parameters("Observation")["focus"].targets == ()


@pytest.mark.parametrize("name", ["Nope", "observation", "Quantity"])
def test_search_parameters_of_what_is_no_resource_type(name: str) -> None:
    with pytest.raises(KeyError):
        search_parameters(name)


def test_primitive_types_begin_with_a_small_letter() -> None:
    assert is_primitive("dateTime")
    assert not is_primitive("Period")
