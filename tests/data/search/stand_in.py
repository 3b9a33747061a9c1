"""A stand-in for an MSA server, on this machine."""

import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from af2jax.data.search import server

QUERY = "MEIIALLIEEGIIIIKDKKVAERF"
HIT = ">UniRef100_A\t119\t1.00\n-EIIALLkkIEEGIIIIKDKKVAE--\n"
RESULT = {
    "uniref.a3m": f">101\n{QUERY}\n{HIT}\0",
    "bfd.mgnify30.metaeuk30.smag30.a3m": f">101\n{QUERY}\n>env\n{QUERY}\n\0",
}
QUICK = server.Patience(answer=0.4, result=20, pause=0.01)


def pack(files: dict[str, str | bytes]) -> bytes:
    """A tar.gz as servers send it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def status(state: str) -> bytes:
    return json.dumps({"id": "a/../b=", "status": state}).encode()


class StandIn:
    """Gives out `answers` in turn, each bytes or a function of the handler, the last one for ever; keeps `asked`."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stand_in.asked.append((self.command, self.path, self.headers["User-Agent"], body.decode()))
                answer = stand_in.answers.pop(0) if len(stand_in.answers) > 1 else stand_in.answers[0]
                if callable(answer):
                    return answer(self)
                say(self, answer)

            do_POST = do_GET

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *arguments: None  # of a client that has gone away
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self.server.server_address)

    def fetch(self, patience=QUICK, sequence=QUERY, **options) -> str:
        return server.fetch("q", sequence, self.url + "/", user_agent="af2jax/test", patience=patience, **options)


def say(handler, body: bytes, code: int = 200, announced: int | None = None):
    """An answer; with `announced` another length than it has."""
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body) if announced is None else announced))
    handler.end_headers()
    handler.wfile.write(body)
