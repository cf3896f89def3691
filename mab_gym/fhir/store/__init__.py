"""The store room: resources as columns, their indexes, the files they lie in, and a session's writes on top.

A `Table` (``_table.py``, the place to begin) holds all resources of one type: each distinct element once, and a small
number for each row. A `BaseTable` (``_base.py``) makes a table searchable and prints its rows; all sessions of a
process share it, and nothing changes it. An `Overlay` (``_overlay.py``) holds the writes of one session and is
dropped at reset. ``_archive.py`` writes tables to a file and opens it again, ``_build.py`` and ``_gather.py`` make
tables from resources.

Speed and memory are this room's task: half a million rows are filtered and sorted as arrays of small numbers
(``_row_keys.py``, ``_sorting.py``, ``_instants.py``), block by block. ``_budget.py`` counts the work of a request, so
that one that would take too long is refused alike on every machine. ``scripts/bench`` measures both.

It knows filters and values, which are the model's, but no search parameters' syntax, no order of HAPI's and no HTTP.
It may use only ``model``.
"""

__all__: list[str] = []
