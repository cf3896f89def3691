"""Agents: whoever plays. The reference agents say what a score means and need no model; a chat model plays by HTTP."""

from mab_gym.agents._agent import Account, Accountable, Agent, Insider

__all__ = ["Account", "Accountable", "Agent", "Insider"]
