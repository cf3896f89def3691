"""The HAPI room: behaviour of HAPI FHIR 7.6 that follows from its code and from no specification.

A client that worked against a real HAPI should not notice the difference here. So unsorted results come in the order
in which HAPI's database reads them (``_order.py``, the place to begin), sets come in the order of Java's hash sets
and several codes in the order of HAPI's own hashes (``_hashes.py``), and refusals have HAPI's words
(``_messages.py``). Ids that HAPI draws at random come from a counter (``_counter_ids.py``).

Each rule must be worth recorded answers: ``tests/fhir/test_recording.py`` measures how many. Rules that decided one
answer in a thousand were removed; ``docs/fhir-server.md`` lists the differences that are left.

It may use ``store`` and ``model``. A text of HAPI that only one place needs stands at that place, not here.
"""

__all__: list[str] = []
