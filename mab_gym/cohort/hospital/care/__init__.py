"""The traces of each visit: vital signs, results, examinations, cultures, doses given, and plans.

Begin reading in `_care`. It takes a person's life as it is, and reads kidneys as `life` does.
"""

__all__: list[str] = []
