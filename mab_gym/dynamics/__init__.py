"""The course of a stay: the clock, the hospital's own work, and the bodies of its patients.

The models in `physiology` know neither records nor tasks: they compute with numbers in clinical units, and import
nothing of this package but its errors. What stands beside them reads orders by `tasking.meaning` and writes through a
backend's session. Nothing here names a family.
"""

__all__: list[str] = []
