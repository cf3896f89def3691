"""Bodies of patients during a stay, one file each, made of the models in `mab_gym.dynamics.physiology`.

Each satisfies `mab_gym.dynamics._body.Body`: it is given doses, lets time pass, is measured, and tells what happened.
A ``…Case`` holds all that makes one patient; families draw it and keep it among a case's parameters. All follows from
it and from what is given: no clock, nothing random. For learning, not for patients.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
