from ._adaptive import Curriculum as Curriculum
from ._sampler import CaseSampler as CaseSampler
from ._staged import StagedCurriculum as StagedCurriculum
from ._strata import Stratum as Stratum
from ._strata import strata as strata
from ._wrapper import CurriculumWrapper as CurriculumWrapper
