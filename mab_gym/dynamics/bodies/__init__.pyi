from ._electrolyte_body import ElectrolyteBody as ElectrolyteBody
from ._electrolyte_body import ElectrolyteCase as ElectrolyteCase
from ._glucose_body import GlucoseBody as GlucoseBody
from ._glucose_body import GlucoseCase as GlucoseCase
from ._heparin_body import HeparinBody as HeparinBody
from ._heparin_body import HeparinCase as HeparinCase
from ._vancomycin_body import VancomycinBody as VancomycinBody
from ._vancomycin_body import VancomycinCase as VancomycinCase
