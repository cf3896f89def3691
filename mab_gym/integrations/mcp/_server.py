"""The MCP server: tools, resources and a prompt over the low-level server of the package ``mcp``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from mab_gym import __version__
from mab_gym.actions import VERBS
from mab_gym.errors import InfrastructureError, MabGymError
from mab_gym.integrations._sessions import sendable
from mab_gym.integrations.mcp._episodes import Answer, Episodes, SessionEpisode
from mab_gym.integrations.mcp._pipes import standard_pipes
from mab_gym.integrations.mcp._tools import tools_of

Context: TypeAlias = "ServerRequestContext[Any, Any]"

TASK = "mab-gym://task"
METADATA = "mab-gym://metadata"
OUTCOME = "mab-gym/outcome"
"""The key of an episode's outcome in the ``_meta`` of a tool's result."""
_JSON = "application/fhir+json"
_INSTRUCTIONS = (
    f"One clinical task in a hospital's FHIR R4 record system. Read the task first: it is the resource {TASK}, and the "
    "prompt named task. Then act by the tools of this server, and end with finish."
)


async def serve_stdio(episodes: Episodes) -> None:
    """Serves one session over standard input and output, until the client closes them."""
    episode = SessionEpisode(episodes, {})
    server = new_server(episodes.name, lambda context: episode, episodes.verbs)
    try:
        stdin, stdout = await standard_pipes()
        async with stdio_server(stdin, stdout) as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
    except BaseException:
        episodes.stopping = True  # the server fails or is stopped, and not by the client: nothing is recorded
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await episode.leave()


@contextmanager
def _told() -> Iterator[None]:
    """Turns this package's errors into errors of the protocol, inside a ``with`` block."""
    try:
        yield
    except MabGymError as error:
        code = types.INTERNAL_ERROR if isinstance(error, InfrastructureError) else types.INVALID_PARAMS
        raise MCPError(code=code, message=sendable(str(error))) from None


class Playable(Protocol):
    """The episode of a session, as the server plays it; see `SessionEpisode`."""

    async def task(self) -> str:
        """Returns the task, with the words that say what the tools stand for."""

    async def metadata(self) -> dict[str, Any]:
        """Returns the record system's CapabilityStatement."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Takes the step that a tool call stands for."""


def new_server(title: str, episode_of: Callable[[Context], Playable], verbs: Sequence[str] = VERBS) -> Server[Any]:
    """Returns a server, without a transport.

    Args:
        title: The title that clients show: the environment's id.
        episode_of: Returns the episode of a request's session.
        verbs: The verbs that the environment allows.
    """
    tools = [
        types.Tool(
            name=name,
            description=tool.description,
            input_schema=tool.schema,
            annotations=types.ToolAnnotations(
                read_only_hint=name in ("search", "read"), destructive_hint=name == "delete", open_world_hint=False
            ),
        )
        for name, tool in tools_of(verbs).items()
    ]

    async def list_tools(context: Context, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        with _told():
            return _result(await episode_of(context).call(params.name, params.arguments or {}))

    async def list_resources(context: Context, params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=TASK, name="task", description="The task of this session.", mime_type="text/plain"),
                types.Resource(
                    uri=METADATA,
                    name="metadata",
                    description=f"The CapabilityStatement in short; {METADATA}/TYPE is that of one resource type.",
                    mime_type=_JSON,
                ),
            ]
        )

    async def list_templates(context: Context, params: Any) -> types.ListResourceTemplatesResult:
        template = types.ResourceTemplate(
            uri_template=f"{METADATA}/{{type}}",
            name="metadata of a type",
            description="What the CapabilityStatement says of one resource type: its search parameters.",
            mime_type=_JSON,
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        with _told():
            episode = episode_of(context)
            if uri == TASK:
                return _resource(uri, "text/plain", await episode.task())
            if uri == METADATA or uri.startswith(f"{METADATA}/"):
                found = _part(await episode.metadata(), uri[len(METADATA) + 1 :])
                if found is not None:
                    return _resource(uri, _JSON, json.dumps(found))
        raise MCPError(code=types.INVALID_PARAMS, message=f"there is no resource {sendable(uri[:300])}")

    async def list_prompts(context: Context, params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[types.Prompt(name="task", description="The task of this session.")])

    async def get_prompt(context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        if params.name != "task":
            raise MCPError(code=types.INVALID_PARAMS, message="there is one prompt, task")
        with _told():
            text = types.TextContent(type="text", text=sendable(await episode_of(context).task()))
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])

    return Server(
        "mab-gym",
        version=__version__,
        title=title,
        instructions=_INSTRUCTIONS,
        get_tool_input_schema=lambda name: None,  # no argument comes by a header
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


def _result(answer: Answer) -> types.CallToolResult:
    content: list[Any] = [types.TextContent(type="text", text=sendable(answer.text))]
    meta = None if answer.outcome is None else {OUTCOME: sendable(answer.outcome)}
    return types.CallToolResult(content=content, is_error=answer.wrong, _meta=meta)


def _resource(uri: str, kind: str, text: str) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=kind, text=sendable(text))])


def _part(statement: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """Returns a CapabilityStatement in short, which is a megabyte and a half whole, or the part on one type."""
    listed = statement["rest"][0]["resource"]
    if kind:
        return next((each for each in listed if each.get("type") == kind), None)
    names = ("resourceType", "status", "date", "kind", "software", "fhirVersion", "format")
    short = {name: statement[name] for name in names if name in statement}
    return {**short, "rest": [{"mode": "server", "resource": [{"type": each.get("type")} for each in listed]}]}
