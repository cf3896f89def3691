"""Rows of FHIR resources in US Core's shapes, written by columns: a file for each group of resource types.

Begin reading in `_sheet` (columns) and `_chart` (ids and references of one person). It takes histories as they are.
"""

__all__: list[str] = []
