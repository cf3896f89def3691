"""Published results on the official tasks, to compare with; a figure that nobody has published is None, never zero."""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "Jiang et al., MedAgentBench, NEJM AI 2025, arXiv 2501.14654"
LATER = "a public project on the official server, February 2026"
TASKS = 300


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """One model's success rates in percent, pass@1.

    Attributes:
        model: The model's name in the source.
        overall: Over all 300 tasks; None where this package has no figure.
        query: Over the 150 tasks of the query categories.
        action: Over the 150 tasks of the action categories.
        correct: The number of the 300 tasks that were solved, where the source counts them.
        self_reported: True if those who ran it report it, outside the peer-reviewed paper.
        source: The source.
    """

    model: str
    overall: float | None
    query: float | None
    action: float | None
    correct: int | None
    self_reported: bool
    source: str


def _paper(
    model: str, overall: float | None = None, query: float | None = None, action: float | None = None
) -> PublishedResult:
    return PublishedResult(model, overall, query, action, None, False, PAPER)


def _later(model: str, correct: int) -> PublishedResult:
    return PublishedResult(model, 100 * correct / TASKS, None, None, correct, True, LATER)


PUBLISHED: tuple[PublishedResult, ...] = (
    _paper("Claude 3.5 Sonnet v2", 69.67, 85.33, 54.00),
    _paper("GPT-4o", 64.00, 72.00, 56.00),
    _paper("DeepSeek-V3", 62.67, 70.67, 54.67),
    _paper("Gemini-1.5 Pro", 62.00, 52.67, 71.33),
    _paper("GPT-4o-mini", 56.33, 59.33, 53.33),
    _paper("o3-mini", 51.67, 54.67, 48.67),
    _paper("Qwen2.5-72B", 51.33, 38.67, 64.00),
    # The paper evaluates these, too; their scores have not been copied from its table yet.
    _paper("Llama 3.3"),
    _paper("Gemini 2.0 Flash"),
    _paper("Gemini 2.0 Pro"),
    _paper("Gemma2"),
    _paper("Mistral v0.3"),
    _later("Claude Opus 4.5", 285),
    _later("Gemini 3 Flash", 270),
    _later("Grok 4.1 Fast", 263),
    _later("Claude Sonnet 4.5", 258),
    _later("GPT-4.1", 232),
    _later("GPT-4o", 231),
    _later("GPT-5.1", 228),
    _later("Qwen3-14B", 222),
    _later("Gemini 2.5 Flash", 219),
    _later("Mistral Small 3.2", 155),
    _later("Llama 4 Scout", 121),
    _later("Qwen3-8B", 120),
    _later("Llama 4 Maverick", 99),
    _later("Llama 3.1 8B", 42),
)
