"""A web server of our own for tests of downloads, with the faults of real ones."""

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Fault(NamedTuple):
    """What goes wrong with one answer."""

    status: int = 200
    stop: int | None = None  # break the connection after so many bytes
    pause: float = 0.0  # seconds of silence before that
    chunked: bool = False  # say nothing about the length


class Site:
    """Files by path, and the faults of the next answers for each."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.asked: list[tuple[str, str]] = []  # path, Range
        self.ranges = True
        self.tag = lambda data: f'"{hashlib.md5(data).hexdigest()}"'
        self.host = ""

    def url(self, path: str) -> str:
        return f"http://{self.host}/{path}"


@contextmanager
def serve() -> Iterator[Site]:
    """A running site."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            path = self.path.lstrip("/")
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            site.asked.append((path, self.headers.get("Range", "")))
            fault = (site.faults.get(path) or [Fault()]).pop(0)
            if path not in site.files or fault.status != 200:
                return self.send_error(404 if path not in site.files else fault.status)
            data = site.files[path]
            tag, start = site.tag(data), 0
            if wanted and site.ranges and self.headers.get("If-Range", tag) == tag:
                start = int(wanted[1])
            if start >= len(data) > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if not fault.chunked:
                self.send_header("Content-Length", str(len(data) - start))
            if tag:
                self.send_header("ETag", tag)
            self.send_header("Content-Type", site.types.get(path, "application/octet-stream"))
            self.end_headers()
            self.wfile.write(data[start : None if fault.stop is None else start + fault.stop])
            if fault.pause:
                time.sleep(fault.pause)
            self.close_connection = True
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.host = f"{server.server_address[0]}:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
