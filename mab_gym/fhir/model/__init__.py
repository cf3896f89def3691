"""The model room: FHIR R4 itself, without any server.

It holds the definitions of resource types, elements and search parameters (``_definitions.py``, from the data in
``r4``), the part of FHIRPath that search parameters use (``_paths.py``), and the values that they find
(``_values.py``, ``_dates.py``). It reads and writes JSON and XML as HAPI does, to the character (``_parse.py``,
``_json_text.py``, ``_xml_text.py``). A `Filter` (``_filter.py``) is one condition on a resource; `FhirError`
(``_outcome.py``) is the refusal of a request, with a kind for code that has to tell refusals apart.

Begin with ``_definitions.py`` and ``_values.py``. This room uses no other room, keeps no state but caches, and does
not know whether a resource exists: everything here depends on its arguments and on FHIR's definitions alone.
"""

__all__: list[str] = []
