"""Cases: anaemic or not."""

BRANCHES = {"low": 15, "not_low": 15}


def draw(chart, rng, branch):
    """Draws a patient whose latest haemoglobin is below 12 g/dL, or is not."""
    levels = {mrn: chart.latest(mrn, "HGB") for mrn in chart.profiles()}
    wanted = [mrn for mrn, level in levels.items() if level and (level.value < 12) == (branch == "low")]
    return {"mrn": rng.choice(wanted)} if wanted else None
