from ._backend import Backend as Backend
from ._backend import RecordSession as RecordSession
from ._kinds import BackendKind as BackendKind
from ._kinds import register_backend as register_backend
