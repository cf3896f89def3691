"""Synthetic hospitals: people, their charts, and the archives that hold them.

`mab_gym.cohort.spec` says what is wanted, `mab_gym.cohort.generate` makes its tables, `mab_gym.cohort.locate` finds or
builds the archive.
"""
