"""The official MedAgentBench protocol and grading, quirks included, for comparing with published numbers.

This project's own protocol (``ehr``) executes POSTs and judges by meaning; this one reproduces what the published
numbers were measured with (Jiang et al., MedAgentBench, NEJM AI 2025, arXiv 2501.14654): POSTs are acknowledged and
never sent, answers are compared as parsed JSON, and the graders look at the words of the conversation. The official
task and function files are read from where the user has them; they are no part of this project.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
