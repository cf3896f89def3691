from ._chart import PatientChart as PatientChart
from ._chart import read_chart as read_chart
from ._page import page as page
from ._summary import Summary as Summary
from ._summary import patients as patients
from ._summary import summarize as summarize
from ._terminal import rendered as rendered
