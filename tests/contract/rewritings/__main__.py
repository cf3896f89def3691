"""Shows where today's judge sees rewritings otherwise: ``python -m tests.contract.rewritings [family]``."""

from __future__ import annotations

import sys
from collections import Counter

from tests.contract.rewritings.playing import FOLDERS, Played, played

WIDTH = 100


def line(of: Played) -> str:
    """One disagreement: the label, what was expected, what the judge found, and why it found it."""
    expected = "right" if of.rewriting.right else "wrong"
    assert of.verdict is not None
    found = "right" if of.verdict.success else "unsafe" if of.verdict.unsafe else "wrong"
    reasons = ", ".join(dict.fromkeys(reason.code.value for reason in of.verdict.reasons))
    return f"{of.rewriting.label[:63]:63} {expected:5} {found:6} {reasons[:23]}"


def main(names: list[str]) -> int:
    """Plays the families named, or all, and prints what is disputed; 0 where nothing is."""
    disputed = 0
    for name in names or list(FOLDERS):
        if name not in FOLDERS:
            print(f"There is no family {name}; there are: {', '.join(FOLDERS)}")
            return 2
        counts: Counter[str] = Counter()
        for case, each in played(name):
            kind = {True: "right", False: "wrong", None: "debatable"}[each.rewriting.right]
            counts["refused or as gold" if each.verdict is None else kind] += 1
            if each.disputed:
                counts[f"{kind} disputed"] += 1
                disputed += 1
                if counts[f"shown {case.id}"] == 0:
                    print(case.id)
                counts[f"shown {case.id}"] += 1
                print(f"  {line(each)}"[:WIDTH])
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()) if not kind.startswith("shown"))
        print(f"{name}: {told}")
    return int(disputed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
