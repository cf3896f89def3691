from ._crawling import import_server as import_server
from ._exporting import Exported as Exported
from ._exporting import export_bundles as export_bundles
from ._exporting import export_ndjson as export_ndjson
from ._importing import Imported as Imported
from ._importing import import_files as import_files
