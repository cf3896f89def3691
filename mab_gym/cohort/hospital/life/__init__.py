"""A person's life: background, diseases, visits, treatment, prevention and death, by published tables.

Begin reading in `_lives`. It uses nothing of the other steps.
"""

__all__: list[str] = []
