"""The gate before all routes: who may ask, and how much may be asked at once.

A page of another origin can send requests to this machine's own address, and after DNS rebinding it
can even read the answers. So each request names a host that is ours, comes from our own page where
it says where it comes from, and, to ask anything of the model, carries the token. The token stands
in the address's fragment, which browsers send nowhere: only our page reads it there.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from melpy.lab.said import sentence

__all__ = ["HEADERS", "MOST_BYTES", "TOKEN", "Gate"]

TOKEN = b"x-melpy-token"
MOST_BYTES = 2**20  # of a question
USUAL_PORT = 80  # which browsers leave out
METHODS = ("GET", "HEAD", "POST")
POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class RefusalError(Exception):
    """Why a request does not come in: a status, a sentence, and its key on the page."""

    def __init__(self, status: int, key: str, text: str, **values: Any) -> None:
        super().__init__(text)
        self.status, self.answer = status, {"error": text, **sentence(key, **values)}


class Gate:
    """Lets in what may come in; an ASGI application around another.

    Parameters
    ----------
    app : the application behind the gate
    port : int, where the server listens
    token : str, without which nothing under /api is answered
    """

    def __init__(self, app: Any, port: int, token: str) -> None:
        self.app, self.token = app, token.encode()
        names = ("127.0.0.1", "localhost")
        self.hosts = {f"{name}:{port}".encode() for name in names}
        if port == USUAL_PORT:
            self.hosts |= {name.encode() for name in names}
        self.origins = {b"http://" + host for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no WebSockets: a second way in that nobody watches
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            self.check(scope)
            await self.app(scope, _bounded(receive), _guarded(send))
        except RefusalError as refusal:
            await _answer(_guarded(send), refusal)

    def check(self, scope: Scope) -> None:
        """Refuse what may not come in."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = _all(headers, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            text = "This address is not the Lab's own; open the one that it printed."
            raise RefusalError(403, "error.host", text)
        origins = _all(headers, b"origin")
        is_foreign = any(origin.lower() not in self.origins for origin in origins)
        is_asked = scope["path"].startswith("/api")  # else it is the page, which a link may open
        sites = _all(headers, b"sec-fetch-site") if is_asked else []
        if is_foreign or any(site not in (b"same-origin", b"none") for site in sites):
            text = "Another page asked; only the Lab's own page may."
            raise RefusalError(403, "error.origin", text)
        if scope["method"] not in METHODS:
            known = ", ".join(METHODS)
            raise RefusalError(405, "error.method", f"The Lab answers {known} alone.", known=known)
        if is_asked:
            tokens = _all(headers, TOKEN)
            if len(tokens) != 1 or not secrets.compare_digest(tokens[0], self.token):
                text = "The token is missing or old; open the printed address."
                raise RefusalError(401, "error.token", text)
        lengths = _all(headers, b"content-length")
        if any(not n.isdigit() or len(n) > 12 or int(n) > MOST_BYTES for n in lengths):
            raise _too_long()


def _too_long() -> RefusalError:
    text = f"The question is too long; {MOST_BYTES:,} bytes are the most."
    return RefusalError(413, "error.long", text, most=MOST_BYTES)


def _all(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


def _bounded(receive: Receive) -> Receive:
    """Count what comes in, whatever its header said."""
    seen = 0

    async def bounded() -> Any:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MOST_BYTES:
            raise _too_long()
        return message

    return bounded


def _guarded(send: Send) -> Send:
    """Put the headers that keep the page in its own world onto every answer."""

    async def guarded(message: Any) -> None:
        if message["type"] == "http.response.start":
            ours = {name for name, _ in HEADERS}
            others = [pair for pair in message.get("headers", ()) if pair[0].lower() not in ours]
            message = {**message, "headers": [*others, *HEADERS]}
        await send(message)

    return guarded


async def _answer(send: Send, refusal: RefusalError) -> None:
    body = json.dumps(refusal.answer).encode()
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
