"""An agent of your own, without a model: it reads the task with regular expressions and evaluates itself."""

import json
import re
from datetime import datetime, timedelta

import mab_gym

BASE = "http://localhost:8080/fhir"


class MagnesiumAgent:
    """Answers the family latest_magnesium: the newest valid result, and whether it is from the last 24 hours."""

    name = "magnesium"

    def reset(self, observation, info, seed):
        """Begins an episode: reads who and when from the task."""
        task = observation["text"]
        self.now = datetime.fromisoformat(re.search(r"It is (\S+)\. ", task)[1])
        self.mrn = re.search(r"MRN (\w+)", task)[1]
        self.asked = False

    def act(self, observation):
        """Returns the next action: one search, then the answer."""
        if not self.asked:
            self.asked = True
            return f"GET {BASE}/Observation?patient={self.mrn}&code=MG&_sort=-date&_count=5"
        found = [entry["resource"] for entry in json.loads(observation["fhir"]).get("entry", [])]
        newest = next(each for each in found if self.counts(each))
        value, taken = newest["valueQuantity"]["value"], newest["effectiveDateTime"]
        is_recent = self.now - datetime.fromisoformat(taken) <= timedelta(hours=24)
        return f"FINISH({json.dumps([value, taken] if is_recent else [-1, value, taken])})"

    def counts(self, result):
        """Tells if a result is valid."""
        return result["status"] != "entered-in-error"


if __name__ == "__main__":
    found = mab_gym.evaluate("MedAgentBench-v0", MagnesiumAgent, family="latest_magnesium")
    print(f"{found.agent}: {found.success_rate:.1%} of {found.scores['overall'].played} cases solved")
    for record in found.records:
        if not record.verdict["success"]:
            print(record.case, record.verdict["reasons"][0]["text"])
