"""Agents: whoever plays. The reference agents here say what a score means; none of them needs a model."""

from mab_gym.agents.protocol import Agent, Insider

__all__ = ["Agent", "Insider"]
