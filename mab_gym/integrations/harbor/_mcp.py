"""The same episode by the Model Context Protocol, at ``/mcp``, beside the episode's FHIR base.

All sessions of the protocol, and all requests over HTTP, share the one episode: a client that connects again goes on
where it was. The package ``mcp`` takes as long to import as all the rest, so it is imported while requests over HTTP
are already answered.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from mab_gym.actions import NoAction
from mab_gym.integrations.harbor._episode import EpisodePlace
from mab_gym.serve._application import Application, Scope, Send
from mab_gym.serve._bodies import Receive

if TYPE_CHECKING:
    from mab_gym.integrations.mcp._episodes import Answer

PATH = "/mcp"
_ENDED = "The task has ended."


class TaskEpisode:
    """The episode as the MCP server plays it.

    Args:
        place: The episode.
    """

    def __init__(self, place: EpisodePlace) -> None:
        self._place = place

    async def task(self) -> str:
        """Returns the task, with the words that say what the tools stand for."""
        from mab_gym.integrations.mcp._tools import guide  # noqa: PLC0415  (see above)

        return f"{guide(self._place.verbs)}\n\n{self._place.opening}"

    async def metadata(self) -> dict[str, Any]:
        """Returns the record system's CapabilityStatement."""
        return await anyio.to_thread.run_sync(self._place.metadata)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Takes the action that a tool call stands for; a call that stands for none counts as nothing."""
        from mab_gym.integrations.mcp._episodes import Answer  # noqa: PLC0415  (see above)
        from mab_gym.integrations.mcp._tools import reading_of  # noqa: PLC0415

        action = reading_of(name, arguments, self._place.base_url, self._place.verbs).action
        if isinstance(action, NoAction):
            return Answer(f"Nothing was done: {action.why}.", True)
        with anyio.CancelScope(shield=True):  # an action that is taken is answered for, even if nobody waits any more
            step = await anyio.to_thread.run_sync(self._place.take, action)
        if step is None:
            return Answer(f"Nothing was done. {_ENDED}", True)
        text, status = step.observation["text"], step.observation["status"]
        finished = not text and "infrastructure_error" not in step.info
        told = filter(None, (text, _ENDED if self._place.driver.over else ""))
        return Answer("\n\n".join(told), not finished and not 0 < status < 400)


class WithMcp:
    """An episode's application with ``/mcp`` beside it, as an ASGI application.

    Args:
        application: The application without it.
        place: The episode.
    """

    def __init__(self, application: Application, place: EpisodePlace) -> None:
        self._application, self._place = application, place
        self._opened = anyio.Event()
        self._manager: Any = None
        self._fault: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            async with anyio.create_task_group() as tasks:

                async def told(message: MutableMapping[str, Any]) -> None:
                    await send(message)
                    if message["type"] == "lifespan.startup.complete":
                        tasks.start_soon(self._open)

                await self._application(scope, receive, told)
                tasks.cancel_scope.cancel()
        elif scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await self._opened.wait()
            if self._fault is not None:
                await _failed(send, self._fault)
                return
            await self._manager.asgi_app(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _open(self) -> None:
        try:
            self._manager = await anyio.to_thread.run_sync(self._new_manager)
            async with self._manager.run():
                self._opened.set()
                await anyio.sleep_forever()
        except Exception as error:  # the episode goes on over HTTP; those who wait for this are told
            logging.getLogger(__name__).exception(f"{PATH} cannot be served")
            self._fault = error
            self._opened.set()

    def _new_manager(self) -> Any:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager  # noqa: PLC0415  (see above)

        from mab_gym.integrations.mcp._http import security  # noqa: PLC0415
        from mab_gym.integrations.mcp._server import new_server  # noqa: PLC0415

        episode = TaskEpisode(self._place)
        server = new_server(self._place.name, lambda context: episode, self._place.verbs)
        return StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, security_settings=security("127.0.0.1")
        )


async def _failed(send: Send, fault: Exception) -> None:
    """Answers that there is no MCP server, in the form of its protocol."""
    words = f"the MCP server could not be opened ({type(fault).__name__}: {fault}); act over HTTP"
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32603, "message": words}}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(error).encode()})
