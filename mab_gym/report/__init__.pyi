from ._page import write_report as write_report
from ._runs import ReportedRun as ReportedRun
from ._runs import read_run as read_run
