"""An MCP server for the environments: agents that get their tools by the Model Context Protocol play the tasks.

    mab-gym mcp --case replace_potassium/07 --out runs/mine            # over standard input and output
    mab-gym mcp --http --port 8000 --out runs/mine                     # streamable HTTP, many sessions at once

A session of the protocol is an episode. ``_tools`` holds the tools and turns a call into the text of the same action;
``_episodes`` plays an episode for each session by a `Driver` and keeps its record; ``_server`` is the server, built on
the low-level server of the package ``mcp``, which brings both transports and the sessions of HTTP.
"""

__all__: list[str] = []
