"""The settings of a pool of containers, as an environment file has them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContainerSettings:
    """The settings of a pool of containers.

    Attributes:
        strategy: How a container goes back to its snapshot, ``undo`` or ``snapshot``.
        servers: The number of episodes that can be at work at once.
        spares: The number of containers more that are kept ready; as the strategy has it where None.
        image: The snapshot image's name or id, where there are several of the archive.
    """

    strategy: str = "undo"
    servers: int = 1
    spares: int | None = None
    image: str | None = None
