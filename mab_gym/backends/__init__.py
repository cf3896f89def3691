"""Record systems behind one `Protocol`: the embedded server here, others beside it as they land."""

from mab_gym.backends._backend import Backend, RecordSession

__all__ = ["Backend", "RecordSession"]
