"""The living hospital: people who were simulated from background to record, with notes.

A person here is a process and not a bag of rows. Each step takes what the one before has made:

1. `_staff`: the hospital itself: its services, places and the people who work there; `_slots`, the times at which they
   see people; `_handbook`, its policies.
2. `life`: a person's background, diseases, visits, treatment, vaccinations and death, by published tables.
3. `care`: the traces of each visit: vital signs, laboratory results, doses given, orders, reports.
4. `notes`: the texts, with facts that stand nowhere else, and the ledger that says which of them are true and when.
5. `rows`: tables of FHIR resources in US Core's shapes.

`_generate` takes the steps for many people, block by block, and makes the tables for the archive. `_history` holds the
records that the steps hand on, `_catalogue` and `_catalogue_results` read the codes in ``tables``. All times are whole
seconds since 1970-01-01T00:00:00Z; the hospital's own time zone (`_history.ZONE`) is used where a person reads or
writes a time.
"""

__all__: list[str] = []
