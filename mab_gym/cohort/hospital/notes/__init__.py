"""Texts of a person's record, with facts that stand nowhere else, and the ledger of these facts.

Begin reading in `_notes`; `_stories` draws the facts, `_facts` says how the ledger keeps them, and `_phrases` how
sentences are made. It takes life and care as they are.
"""

__all__: list[str] = []
