"""Imports of FHIR resources into archives, and exports of archives (`mab-gym data import`, `mab-gym data export`).

`_importing` imports files (NDJSON, Bundles, single resources) and `_crawling` a running FHIR server. Both give pieces
of JSON to `_gathering`, which checks each resource and builds tables. An import that ends with nothing writes nothing.
Every resource that is left out or changed is named in a file of problems (`_problems`), never dropped silently.
`_exporting` writes NDJSON or transaction Bundles.

Files may be larger than memory. `_bundle_text` reads a Bundle entry by entry and goes on after broken parts. The room
may use `mab_gym.fhir` and `mab_gym.client`; it knows no tasks and no episodes. Reading begins in `_importing`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
