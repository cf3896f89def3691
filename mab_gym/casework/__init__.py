"""Tools of casework: what its verifiers read, and how they judge long work over charts and documents.

A `CaseJudge` collects checkpoints. `Changes` says what became of the records, whatever the sequence of the agent's
requests was. Orders are read as the pharmacy and the laboratory of a stay read them (`mab_gym.dynamics`), documents by
their sections and references. Nothing here raises for anything that an agent wrote.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
