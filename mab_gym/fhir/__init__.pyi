from .http._exchange import Request as Request
from .http._exchange import Response as Response
from .http._server import FhirServer as FhirServer
from .http._server import FhirSession as FhirSession
from .model._outcome import FhirError as FhirError
from .store._archive import Archive as Archive
from .store._archive import open_archive as open_archive
from .store._build import build_tables as build_tables
