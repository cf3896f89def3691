"""A chat model plays, with no model: an OpenAI-compatible endpoint of ten lines, and a ChatModel that asks it."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import mab_gym


class Endpoint(BaseHTTPRequestHandler):
    """Answers each chat: first a search, then a guess."""

    def do_POST(self):
        """Answers POST /v1/chat/completions."""
        chat = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
        first = "GET http://localhost:8080/fhir/Observation?code=MG&_count=1"
        said = first if len(chat) == 1 else "FINISH([-1])"
        answer = json.dumps({"choices": [{"message": {"role": "assistant", "content": said}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        """Writes no line for each request."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
Thread(target=server.serve_forever, daemon=True).start()
model = mab_gym.ChatModel("scripted", f"http://127.0.0.1:{server.server_port}/v1")
found = mab_gym.evaluate("MedAgentBench-v0", model, family="latest_magnesium", limit=5, concurrency=2)
for record in found.records:
    print(record.case, record.steps, record.verdict["reasons"][0]["text"])
print(f"{found.agent}: {found.success_rate:.1%}")
server.shutdown()
