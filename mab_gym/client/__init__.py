"""Room."""

__all__: list[str] = []
