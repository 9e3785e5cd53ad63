"""The server as it runs: over HTTP, on this machine's own address alone."""

import json
import re
import socket

import pytest

pytest.importorskip("starlette", reason="no Starlette: melpy[lab] is not installed")
pytest.importorskip("uvicorn", reason="no uvicorn: melpy[lab] is not installed")

from melpy.errors import ArgumentError
from melpy.lab.server import STATIC, Server, free_socket

from .shared import array_at, ask, served, session_of, small_model
from .test_locales import HOLE, words


@pytest.fixture(scope="module")
def server():
    with served(session_of(small_model())) as running:
        yield running


def test_a_trace_and_its_arrays(server):
    status, headers, body = ask(server, "/api/trace", {"sample": 1})
    assert status == 200
    assert headers["content-type"] == "application/json"
    told = json.loads(body)
    status, headers, body = ask(server, f"/api/arrays/{told['trace']}")
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    assert len(body) == sum(4 * size(entry) for entry in told["arrays"].values())
    shown = array_at(body, told["arrays"][told["rows"][0]["input"]])
    assert (shown == server.session.data.shown_x[1]).all()


def assert_said(answer, key=None):
    """A refusal can be said in each language: the page has its key, and gets what stands in it."""
    assert answer.keys() == {"error", "key", "values"}
    assert key in (None, answer["key"])
    for language in ("en", "fr"):
        assert set(HOLE.findall(words("", language)[answer["key"]])) <= answer["values"].keys()


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/api/trace", {"sample": 99}, "error.question"),
        ("/api/convolution", {"trace": "t0", "path": "conv"}, "error.forgotten"),
        ("/api/convolution", {"path": "nowhere"}, "error.noLayer"),
        ("/api/convolution", {"path": "head"}, "error.question"),
        ("/api/convolution", {"path": "conv", "dilation": 8, "padding": "valid"}, "error.noWindow"),
        ("/api/pooling", {"path": "pool", "kind": "least"}, "error.library"),
        ("/api/live", {"command": "step"}, "error.noRun"),
        ("/api/live", {"command": "new", "run": 7}, "error.question"),
        ("/api/live", {"command": "new", "rate": -1}, "error.rate"),
        ("/api/optimizer", {"weight": "nobody"}, "error.question"),
        ("/api/nothing", {}, "error.nowhere"),
    ],
)
def test_each_refusal_has_a_key_and_its_values(server, path, body, key):
    told = json.loads(ask(server, "/api/trace", {"sample": 0})[2])
    status, _, answer = ask(server, path, {"trace": told["trace"], **body})
    assert status >= 400
    assert_said(json.loads(answer), key)


def size(entry):
    made = 1
    for n in entry["shape"]:
        made *= n
    return made


def test_forged_requests_over_http(server):
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{server.port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
    ):
        for path, body in (("/api/lab", None), ("/api/trace", {"sample": 0})):
            status, _, answer = ask(server, path, body, **headers)
            assert status == 403, headers
            assert_said(json.loads(answer))
    for token in (None, "", "x" * 32):
        for path in ("/api/lab", "/api/arrays/t1", "/api/live/0"):
            assert ask(server, path, X_Melpy_Token=token)[0] == 401
        assert ask(server, "/api/live", {"command": "start"}, X_Melpy_Token=token)[0] == 401
    assert ask(server, "/api/lab")[0] == 200


def test_the_page_and_its_parts_need_no_token_and_say_what_they_may_load(server):
    for path in ("/", "/index.html"):
        status, headers, body = ask(server, path, X_Melpy_Token=None)
        assert status == 200
        assert "default-src 'self'" in headers["content-security-policy"]
        assert b"<html" in body
        assert server.token.encode() not in body
    for path in ("/../server.py", "/%2e%2e/server.py", "/..%2fgate.py", "/static/../../gate.py"):
        assert ask(server, path, X_Melpy_Token=None)[0] == 404
    assert ask(server, "/nothing.js", X_Melpy_Token=None)[0] == 404


def test_what_the_first_room_imports_is_asked_for_at_once():
    root = STATIC.resolve()
    needed, waiting = set(), [root / "shell.js", root / "rooms/window.js"]
    while waiting:
        module = waiting.pop()
        if module not in needed:
            needed.add(module)
            imported = re.findall(r'^import [^;]*?"(\.[^"]+)";', module.read_text(), re.MULTILINE)
            waiting += [(module.parent / name).resolve() for name in imported]
    page = (root / "index.html").read_text()
    asked = re.findall(r'<link rel="modulepreload" href="([^"]+)"', page)
    assert sorted(asked) == sorted(
        str(module.relative_to(root)) for module in needed - {root / "shell.js"}
    )


def test_answers_leave_without_waiting_for_each_other():
    """Of two small packets in a row, Nagle's algorithm holds the second back for 40 ms."""
    with free_socket(0) as listening:
        assert listening.proto == socket.IPPROTO_TCP  # by which asyncio switches it off


@pytest.mark.parametrize(
    ("path", "raw", "status"),
    [
        ("/api/trace", b"", 200),
        ("/api/trace", b"[1]", 400),
        ("/api/trace", b"{", 400),
        ("/api/trace", b'{"sample": NaN}', 400),
        ("/api/trace", b"[" * 5000, 400),
        ("/api/trace", b"\xff\xfe", 400),
        ("/api/trace", b'{"sample": 99999}', 400),
        ("/api/trace", b"x" * (2**20 + 1), 413),
        ("/api/convolution", b'{"trace": "t0", "path": "conv"}', 404),
        ("/api/nothing", b"{}", 404),
    ],
)
def test_bad_questions_get_one_sentence(server, path, raw, status):
    found, _, body = ask(server, path, raw=raw, method="POST")
    assert found == status
    if status != 200:
        assert_said(json.loads(body))
        text = json.loads(body)["error"]
        assert "\n" not in text
        assert len(text) < 300
        assert "Traceback" not in text


def test_a_method_that_a_route_does_not_have(server):
    assert ask(server, "/api/trace")[0] == 404
    assert ask(server, "/api/lab", {"sample": 0})[0] == 404


def test_a_fault_inside_is_told_without_its_traceback(server, monkeypatch):
    monkeypatch.setattr(server.session, "_trace_of", lambda key: 1 / 0)
    body = {"trace": "t1", "path": "conv"}
    status, headers, answer = ask(server, "/api/convolution", body)
    assert status == 500
    assert "ZeroDivisionError" in json.loads(answer)["error"]
    assert_said(json.loads(answer), "error.fault")
    assert "content-security-policy" in headers


def test_it_listens_on_this_machine_alone(server):
    assert server._socket.getsockname()[0] == "127.0.0.1"
    assert server.url.startswith(f"http://127.0.0.1:{server.port}/#token=")
    assert len(server.token) >= 32


def test_two_servers_have_two_tokens():
    session = session_of(small_model())
    one, two = Server(session), Server(session)
    assert one.token != two.token
    for server in (one, two):
        server._socket.close()


def test_a_port_that_is_taken_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ArgumentError, match=f"port {port} cannot be used.*Leave out --port"):
            free_socket(port)
