"""The audit of tasks (`mab-gym tasks audit`) and of data splits (`mab-gym data audit`).

The audit of an environment asks if its tasks can be trusted: how much can be won without reading the chart
(`_blind`), if success rises with skill (`_graded`), if breaking a rule or taking a shortcut costs anything (`_rules`),
what careless policies earn (`_policies`), and how many different cases can be drawn (`_distinct`). `Auditor` runs all
parts and returns an `Audit`, whose `faults` are the limits that are not kept. `_leakage` compares two sets of people,
charts and cases.

The room plays episodes and judges writes through a `Trial`, with the same verifiers as everybody. It knows no family
by name, and only the embedded record system with the protocol ``ehr`` can be audited. Reading begins in `_auditing`.

    audit = Auditor(scenario).audit()
    print(audit.faults())
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
