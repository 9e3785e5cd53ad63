"""Real hosts for the download tests: HTTP servers on 127.0.0.1, each with its own bad habit."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import io
import socket
import tarfile
import threading
import time

import pytest

from melpy.datasets.files import Archive, Content


class Host(http.server.ThreadingHTTPServer):
    """Serves ``files`` (name -> bytes) and notes each request's Range in ``ranges``.

    ``habit``: "range" does all right; "plain" ignores Range; "breaks" hangs up after ``most_bytes``
    of each answer; "plain breaks" does both; "silent" never answers; "error" answers 503; "offset"
    answers another range than asked for; "unsized" sends no Content-Length.
    """

    daemon_threads = True

    def __init__(self, files, habit, most_bytes):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.habit, self.most_bytes = files, habit, most_bytes
        self.ranges = []
        self.url = f"http://127.0.0.1:{self.server_port}/data/"

    def handle_error(self, request, client_address):
        pass  # a client that went away is part of the tests


class Answer(http.server.BaseHTTPRequestHandler):
    server: Host

    def log_message(self, *_):
        pass

    def do_GET(self):
        host, asked = self.server, self.headers["Range"]
        host.ranges.append(asked)
        if host.habit == "silent":
            time.sleep(1.0)
            return
        data = host.files.get(self.path.removeprefix("/data/"))
        if data is None or host.habit == "error":
            self.send_error(404 if data is None else 503)
            return
        start = 0
        if asked and not host.habit.startswith("plain"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
            said = 0 if host.habit == "offset" else start
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {said}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        if host.habit != "unsized":
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        stop = start + host.most_bytes if host.habit.endswith("breaks") else len(data)
        self.wfile.write(data[start:stop])


@pytest.fixture
def serve(monkeypatch):
    """Return a function that starts a `Host`."""
    monkeypatch.setenv("no_proxy", "*")
    with contextlib.ExitStack() as stack:

        def start(files, habit="range", most_bytes=0):
            host = stack.enter_context(Host(files, habit, most_bytes))
            thread = threading.Thread(target=host.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(host.shutdown)
            return host

        yield start


@pytest.fixture
def dead_url(monkeypatch):
    """Return a URL on a port where nobody listens."""
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}/data/"


@pytest.fixture
def home(monkeypatch, tmp_path):
    """Return an empty home of melpy's own."""
    monkeypatch.setenv("MELPY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def make_gz():
    """Return a function that makes a ``.gz`` row of the table, and the bytes of its file."""

    def make(data, *, hosts=(), name="small-ubyte.gz", dataset="toy"):
        packed = gzip.compress(data, mtime=0)
        contents = (Content(name, len(data), sha256(data)),)
        return Archive(dataset, name, sha256(packed), tuple(hosts), contents), packed

    return make


@pytest.fixture
def make_tar():
    """Return a function that makes a ``.tar.gz`` row, and the bytes of its file.

    ``extra`` are entries (TarInfo, bytes) that the table does not know.
    """

    def make(contents, *, extra=(), hosts=(), name="small.tar.gz", dataset="toy"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for entry, data in extra:
                tar.addfile(entry, io.BytesIO(data))
            for path, data in contents.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        packed = buffer.getvalue()
        rows = tuple(Content(path, len(data), sha256(data)) for path, data in contents.items())
        return Archive(dataset, name, sha256(packed), tuple(hosts), rows), packed

    return make
