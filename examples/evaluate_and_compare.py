"""Two agents on the same cases: the success rate of each with its interval, and the paired difference."""

from own_agent import MagnesiumAgent

import mab_gym
from mab_gym.runs import Tries, paired, pass_at_1


class CarelessAgent(MagnesiumAgent):
    """Takes the newest result as it comes, even one that was entered in error."""

    name = "careless"

    def counts(self, result):
        """Takes any result."""
        return True


def main():
    """Plays both and compares them case by case."""
    solved = {}
    for agent in (MagnesiumAgent, CarelessAgent):
        found = mab_gym.evaluate("MedAgentBench-v0", agent, family="latest_magnesium")
        solved[agent.name] = {record.case: int(record.verdict["success"]) for record in found.records if record.counts}
        rate = pass_at_1([Tries(1, each) for each in solved[agent.name].values()])
        print(f"{agent.name:10} {rate.value:6.1%}  (95 % interval {rate.low:.1%} to {rate.high:.1%})")
    cases = sorted(solved["magnesium"].keys() & solved["careless"].keys())
    found = paired([solved["careless"][case] for case in cases], [solved["magnesium"][case] for case in cases])
    interval = f"95 % interval {found.low:+.1%} to {found.high:+.1%}"
    print(f"careless less magnesium: {found.difference:+.1%} ({interval}), p = {found.p:.4f}")


if __name__ == "__main__":
    main()
