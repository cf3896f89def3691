"""The latest haemoglobin with its time."""

from mab_gym.tasking.judging import Judge, moment, number


def verify(case, chart, result):
    """Judges the answer; nothing may be written."""
    latest = chart.latest(case["mrn"], "HGB")
    judge = Judge(result)
    judge.answer(number(latest.value), moment(latest.moment))
    judge.nothing_written()
    return judge.verdict()
