"""Synthetic hospitals: people, their charts, and the archives that hold them.

``_spec`` says what is wanted, ``_generate`` makes its tables, ``_locate`` finds or builds the archive.
"""
