"""The report of runs: one HTML file with figures and every trajectory, which needs no network and no server."""

from mab_gym.report._page import write_report
from mab_gym.report._runs import Run, read_run

__all__ = ["Run", "read_run", "write_report"]
