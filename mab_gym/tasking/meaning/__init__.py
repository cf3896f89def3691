"""The meaning of FHIR resources, read as a clinician reads them: patient, drug, dose, rate, route, time, frequency.

`_reading.read` turns a resource into an `Order`: a list of statements, each with the element that makes it. Nothing is
skipped silently: an element that can change the meaning is read, or the order is refused with the element and its
value named. Elements that cannot change the meaning are listed in `_elements`, each with its reason.

A `Due` states what has to be written, and compares an order with it, facet by facet. The subclasses are in `due_task`,
`due_service`, `due_medication` and `due_record`. Verifiers use them with `concepts`, `terms`, `routes`, `often`,
`units` and `people`, which are public too:

    MedicationDue(
        person=Person.of(chart, case["mrn"]), now=chart.now, drug=MAGNESIUM, dose=amount(2, "g"), route=INTRAVENOUS
    )

Free text beside the structure is read by a small grammar (`_words`) and must not contradict the order (`_texts`).

The code here knows no task family and no prompt. It never raises for anything that stands in a resource. Reading
begins in `_reading` and `due`.
"""

__all__: list[str] = []
