"""The report of runs: one HTML file with figures and every trajectory, without network or server (`mab-gym report`).

`_runs` reads run folders, `_figures` computes groups, failures and comparisons, `_overview` shows them, `_trajectories`
compresses each episode for the page, and `_page` puts all together. `_plots` draws figures of ablations for print.

The room only reads finished runs. It plays episodes in one case only: `_expected` plays the gold solution of each case,
to show it beside what the agent did. Reading begins in `_page`.

    write_report([read_run(Path("runs/one")), read_run(Path("runs/other"))], Path("report.html"))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
