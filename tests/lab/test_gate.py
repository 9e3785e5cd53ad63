"""The gate: who is let in, and who is not, whatever stands behind it."""

import asyncio
import json

import pytest

from melpy.lab.gate import HEADERS, MOST_BYTES, Gate

PORT, SECRET = 8800, "s3cret"
OWN = {"host": f"127.0.0.1:{PORT}", "x-melpy-token": SECRET}


async def behind(scope, receive, send):
    """An application that reads all and answers what it read."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"cache-control", b"public")]})  # fmt: skip
    await send({"type": "http.response.body", "body": body})


def came(headers, path="/api/lab", method="GET", body=b"", kind="http", pieces=1, port=PORT):
    """Send a request through the gate; return the status, the headers and the body."""
    told = []
    size = -(-len(body) // pieces) or 1
    parts = [body[n : n + size] for n in range(0, len(body), size)] or [b""]
    waiting = [
        {"type": "http.request", "body": part, "more_body": n + 1 < len(parts)}
        for n, part in enumerate(parts)
    ]

    async def receive():
        return waiting.pop(0)

    async def send(message):
        told.append(message)

    pairs = headers.items() if isinstance(headers, dict) else headers
    scope = {
        "type": kind, "method": method, "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in pairs],
    }  # fmt: skip
    asyncio.run(Gate(behind, port, SECRET)(scope, receive, send))
    if told[0]["type"] != "http.response.start":
        return told[0], {}, b""
    return told[0]["status"], dict(told[0]["headers"]), told[-1]["body"]


def test_our_own_page_is_let_in():
    for host in (f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LOCALHOST:{PORT}"):
        assert came(OWN | {"host": host})[0] == 200
    own = {"origin": f"http://127.0.0.1:{PORT}", "sec-fetch-site": "same-origin"}
    assert came(OWN | own, method="POST", body=b"{}")[2] == b"{}"


def test_the_usual_port_is_left_out_by_browsers():
    for host in ("127.0.0.1", "localhost", "127.0.0.1:80"):
        headers = OWN | {"host": host, "origin": f"http://{host}"}
        assert came(headers, port=80)[0] == 200
    assert came(OWN | {"host": "evil.example"}, port=80)[0] == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"[::1]:{PORT}", "",
     f"127.0.0.1:{PORT}.evil.example", f"127.0.0.1.evil.example:{PORT}", f"127.0.0.1:{PORT}@x",
     f"2130706433:{PORT}", f"localhost.:{PORT}", f"0.0.0.0:{PORT}"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/lab", "/", "/style.css"])
def test_a_forged_host_is_refused_on_every_path(host, path):
    status, headers, body = came(OWN | {"host": host}, path)
    assert status == 403
    assert set(HEADERS) <= set(headers.items())
    answer = json.loads(body)
    assert "not the Lab's own" in answer["error"]
    assert (answer["key"], answer["values"]) == ("error.host", {})


def test_a_host_that_is_missing_or_named_twice_is_refused():
    assert came({"x-melpy-token": SECRET})[0] == 403
    twice = [("host", OWN["host"]), ("host", "evil.example"), ("x-melpy-token", SECRET)]
    assert came(twice)[0] == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", f"https://127.0.0.1:{PORT}", "http://127.0.0.1:80",
     f"http://127.0.0.1:{PORT}.evil.example", ""],
)  # fmt: skip
def test_a_forged_origin_is_refused_even_with_the_token(origin):
    for method in ("GET", "POST"):
        assert came(OWN | {"origin": origin}, method=method)[0] == 403
    assert came(OWN | {"origin": origin}, path="/")[0] == 403


def test_another_site_may_link_to_the_page_and_ask_nothing():
    for site in ("cross-site", "same-site"):
        assert came(OWN | {"sec-fetch-site": site})[0] == 403
        assert came({"host": OWN["host"], "sec-fetch-site": site}, path="/")[0] == 200


@pytest.mark.parametrize("token", [None, "", "s3cre", "s3cret ", "S3CRET", "é"])
@pytest.mark.parametrize("path", ["/api/lab", "/api", "/api/", "/api/nothing", "/apiary"])
def test_without_the_token_nothing_is_answered(token, path):
    headers = {"host": OWN["host"]} | ({} if token is None else {"x-melpy-token": token})
    assert came(headers, path)[0] == 401
    assert came(headers, path, "POST", b"{}")[0] == 401


def test_two_tokens_are_none():
    twice = [("host", OWN["host"]), ("x-melpy-token", SECRET), ("x-melpy-token", "x")]
    assert came(twice)[0] == 401


def test_no_websocket_is_let_in():
    assert came(OWN, kind="websocket")[0] == {"type": "websocket.close", "code": 1008}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"])
def test_other_methods_are_refused(method):
    status, headers, _ = came(OWN, method=method)
    assert status == 405
    assert not [name for name in headers if name.startswith(b"access-control")]


def test_a_question_that_is_too_long_is_refused_by_its_header_and_by_its_bytes():
    for length in (str(MOST_BYTES + 1), "9" * 40, "-1", "x"):
        assert came(OWN | {"content-length": length}, method="POST")[0] == 413
    assert came(OWN, method="POST", body=b"x" * (MOST_BYTES + 1), pieces=7)[0] == 413
    assert came(OWN, method="POST", body=b"x" * MOST_BYTES, pieces=7)[0] == 200


def test_every_answer_keeps_the_page_in_its_own_world():
    _, headers, _ = came(OWN)
    assert headers[b"content-security-policy"].startswith(b"default-src 'self'; ")
    assert b"unsafe" not in headers[b"content-security-policy"]
    assert headers[b"cache-control"] == b"no-store"
    assert not [name for name in headers if name.startswith(b"access-control")]
