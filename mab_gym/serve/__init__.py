"""The embedded FHIR server over HTTP (`mab-gym serve`), for other programs, other languages, and for comparisons.

`Application` is an ASGI application. A request passes these stages:

1. `Gate` decides which hosts and web pages may ask.
2. `_bodies` reads the request's body within limits of size and time.
3. `Worlds` finds the session: one for all clients (`SharedWorld`), or one for each (`OwnWorlds`).
4. `_turns` decides when a worker thread answers it; `_places` answers it in its session.
5. `_quota` bounds the memory of all writes.

`ServeLimits` holds every limit. `_connections` adds limits to uvicorn's connections; only it and `_running` import
uvicorn, which is optional. The room knows no tasks and no agents. Reading begins in `_application`.

    world = SharedWorld(server_of_records(Path("hospital.ndjson")))
    run(Application(world), listen("127.0.0.1", 8090))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
