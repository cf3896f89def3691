"""The validation room: `$validate`, which tests a resource as HAPI's validator does.

`validate` (``_validator.py``, the place to begin) walks through the elements of a text that was sent
(``_elements.py``), by the rules of the specification (``_rules.py``): which elements there are, how often, of which
type. On its way it tests values (``_primitives.py``), codes (``_bindings.py``, ``_terminology.py``), references
(``_references.py``), extensions (``_extensions.py``), narratives (``_divs.py``) and invariants (``_invariants.py``, by
fhirpathpy). Each fault becomes an issue (``_issues.py``) with the line and the column where the element ends.

HAPI's validator is ``InstanceValidator`` of org.hl7.fhir.validation 6.4.0; its order of issues is kept.

It may use only ``hapi`` (for orders), ``store`` (for the budget) and ``model``.
"""

__all__: list[str] = []
