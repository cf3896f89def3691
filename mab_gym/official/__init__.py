"""The official MedAgentBench protocol and grading, quirks included, for comparing with published numbers.

This project's own rules (``ehr``) execute POSTs and judge by meaning. The official ones reproduce what the published
numbers were measured with (Jiang et al., MedAgentBench, NEJM AI 2025, arXiv 2501.14654): POSTs are acknowledged and
never sent, answers are compared as parsed JSON, and the graders read the words of the conversation. The official task
and function files are read from the user's copies; they are no part of this project.

The room may use backends, cohort, tasking and `mab_gym.episode`; environments use it. Begin with `_conversation.py`
(the harness, word for word) and `_grading.py` (the ten graders). `_rules.py` puts both behind an `Episode`,
`_records.py` opens the records that are played on, and `_synthetic_chart.py` makes a stand-in for them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
