"""Agents: whoever plays. The reference agents say what a score means and need no model; a chat model plays by HTTP."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
