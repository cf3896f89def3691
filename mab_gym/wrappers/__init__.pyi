from ._credit import PartialCredit as PartialCredit
from ._penalties import InvalidActionPenalty as InvalidActionPenalty
from ._penalties import StepPenalty as StepPenalty
from ._shaping import PotentialShaping as PotentialShaping
from ._shaping import Progress as Progress
from ._shaping import ShapingState as ShapingState
