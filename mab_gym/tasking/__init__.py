"""Tasks: families of cases, their prompts, and the verdicts on what an agent did.

A family is a folder of content (CONTRIBUTING.md shows a whole one). The code here loads families, chooses or draws
cases, changes them by variants, plays gold solutions, and gives verifiers the tools to judge by clinical meaning.

Six modules are public, because the Python files of families import them:

=============  =====================================================================================================
`case`         `Case`: one task of a family
`chart`        `Chart`: the snapshot of the record system, read through FHIR
`judging`      `Judge` and `Result`: compares an answer and the written resources with what was due
`solving`      `Desk` and `Reply`: the tools of a gold solution
`stay`         `StayRecord`: the course of a stay on the clock, for families that have one
`verdict`      `Verdict` and its codes
=============  =====================================================================================================

`mab_gym.tasking.meaning` reads FHIR resources as a clinician reads them; `critical` holds the limits from which a
missing order is a safety violation.

Nothing here names a family, an environment or an agent. The chart is read only through a backend's FHIR interface, so
that verdicts are the same on every backend. Judging never raises for anything that an agent wrote.

Begin reading in `_family`, then `judging`. A verifier, in short:

    judge = Judge(result)
    judge.answer(number(latest.value), moment(latest.moment))
    judge.nothing_written()
    return judge.verdict()
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
