"""One patient's chart for people: in the terminal, and as an HTML page with plots (`mab-gym data show`).

`_chart.read_chart` reads a `PatientChart` from an archive; `_terminal` and `_page` show it. `_summary` describes an
archive in figures. `_owners` finds the rows that belong to a patient, `_elements` reads columns of rows.

The room reads archives directly, by columns, so that a large hospital takes about a second. Any archive must work,
imported ones of unusual shapes too. It knows no tasks; `mab_gym.tasking.chart` is the chart for verifiers. Reading
begins in `_chart`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
