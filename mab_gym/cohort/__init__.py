"""Synthetic hospitals: people, their charts, and the archives that hold them.

``_spec`` says what is wanted, ``_generate`` makes its tables, ``_locate`` finds or builds the archive.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
