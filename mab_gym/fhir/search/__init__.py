"""The search room: it reads the parameters of a search, finds the matches and puts them into HAPI's order.

A search goes through these steps:

1. ``_query.py`` reads the parameters into a `Query`, with HAPI's checks in HAPI's order. ``_conditions.py`` reads a
   single parameter; ``_matching.py`` makes a filter of it, ``_composites.py``, ``_chains.py`` and ``_filter_text.py``
   read the harder ones.
2. ``_search.py`` applies it: `View.hits` filters the columns of the store and the session's writes, follows
   references and sorts, and returns a `Found`.
3. ``_paging.py`` decides what a page shows and which links it has; ``_includes.py`` adds ``_include`` and
   ``_revinclude``.

Begin with `View` in ``_search.py``. A search never changes anything, and its work is charged to the request's budget
before it is done. This room knows no HTTP: it raises `FhirError` and leaves answers to the room above. It may use
``hapi``, ``store`` and ``model``.
"""

__all__: list[str] = []
