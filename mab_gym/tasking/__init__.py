"""Tasks: families of cases, the prompts they are put in, and the verdicts on what an agent did.

A family is a folder of content (see CONTRIBUTING.md); nothing here knows any family by name.
"""
