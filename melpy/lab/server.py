"""The Lab's server: its routes behind the gate, on this machine's own address."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from melpy.errors import ArgumentError, MelpyError
from melpy.lab import live_routes
from melpy.lab.asked import WHO, NotHereError, json_of
from melpy.lab.gate import Gate, RefusalError
from melpy.lab.said import sentence, told
from melpy.lab.session import Session

__all__ = ["Server", "application", "free_socket"]

HOST = "127.0.0.1"
STATIC = Path(__file__).parent / "static"
PATIENCE_S = 2  # with connections that are open when the server stops


def application(session: Session, port: int, token: str) -> Gate:
    """Return the application: the routes of a session, behind the gate.

    Parameters
    ----------
    session : Session
    port : int, where it will listen
    token : str, which each question has to carry
    """
    app = Starlette(
        routes=[
            Route("/api/lab", _got(session.lab)),
            Route("/api/trace", _asked(session.trace), methods=["POST"]),
            Route("/api/convolution", _asked(session.convolution), methods=["POST"]),
            Route("/api/pooling", _asked(session.pooling), methods=["POST"]),
            Route("/api/compiled/{key}", _named(session.compiled)),
            Route("/api/arrays/{key}", _arrays_of(session)),
            *live_routes.routes(session),
            Route("/api/{rest:path}", _nothing_here, methods=["GET", "POST"]),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        exception_handlers={
            MelpyError: _bad_question,
            RefusalError: _refused,
            HTTPException: _nowhere,
            Exception: _fault,
        },
    )
    return Gate(app, port, token)


Answer = Callable[..., Any]


def _got(answer: Answer) -> Answer:
    async def endpoint(_: Request) -> Response:
        return JSONResponse(await run_in_threadpool(answer))

    return endpoint


def _asked(answer: Answer) -> Answer:
    async def endpoint(request: Request) -> Response:
        asked = await json_of(request)
        return JSONResponse(await run_in_threadpool(answer, asked))

    return endpoint


def _named(answer: Answer) -> Answer:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(answer, request.path_params["key"]))

    return endpoint


def _arrays_of(session: Session) -> Answer:
    async def endpoint(request: Request) -> Response:
        body = await run_in_threadpool(session.arrays, request.path_params["key"])
        return Response(body, media_type="application/octet-stream")

    return endpoint


# What is wrong, in one sentence.


async def _bad_question(_: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, NotHereError) else 400
    return JSONResponse({"error": " ".join(str(error).split()), **told(error)}, status)


async def _refused(_: Request, error: Any) -> Response:
    return JSONResponse(error.answer, error.status)


async def _nowhere(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    text = f"{WHO}: nothing is here ({status})."
    return JSONResponse({"error": text, **sentence("error.nowhere", status=status)}, status)


async def _nothing_here(_: Request) -> Response:
    raise HTTPException(404)


async def _fault(_: Request, error: Exception) -> Response:
    name = type(error).__name__
    text = f"{WHO}: this went wrong inside ({name}); the terminal tells more."
    return JSONResponse({"error": text, **sentence("error.fault", name=name)}, 500)


class Server:
    """A session that is served.

    Parameters
    ----------
    session : Session
    port : int, 0 for any free one
    token : str, or None for a new one

    Attributes
    ----------
    url : str, the address with the token in its fragment

    Raises
    ------
    ArgumentError : the port is taken
    """

    def __init__(self, session: Session, port: int = 0, token: str | None = None) -> None:
        self.session, self._socket = session, free_socket(port)
        self.port = self._socket.getsockname()[1]
        self.token = token or secrets.token_urlsafe(24)
        self.url = f"http://{HOST}:{self.port}/#token={self.token}"
        settings = uvicorn.Config(
            application(session, self.port, self.token), log_level="warning", access_log=False,
            lifespan="off", ws="none", server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=PATIENCE_S,
        )  # fmt: skip
        self._server = _Closing(settings, session)

    def run(self) -> None:
        """Serve until Ctrl-C, or until another thread calls `stop`."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._server.close_live()
            self._socket.close()

    def stop(self) -> None:
        """Have `run` return."""
        self._server.should_exit = True

    @property
    def is_running(self) -> bool:
        """Whether questions are answered."""
        return self._server.started and not self._server.should_exit


class _Closing(uvicorn.Server):
    """A server that ends what trains before it waits for what is open."""

    def __init__(self, settings: uvicorn.Config, session: Session) -> None:
        super().__init__(settings)
        self.session = session

    def close_live(self) -> None:
        """End the training, and with it the streams that tell of it."""
        if self.session.live is not None:
            self.session.live.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything."""
        self.close_live()
        await super().shutdown(sockets)


def free_socket(port: int) -> socket.socket:
    """Return a socket on this machine's own address alone, which nobody else listens on."""
    # Its protocol by name, or asyncio leaves small packets to wait for each other: 40 ms an answer.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where others could join
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen()
    except (OSError, OverflowError) as error:
        made.close()
        raise ArgumentError(
            WHO, f"port {port} cannot be used ({getattr(error, 'strerror', None) or error})",
            expected="a free port from 1024 to 65535",
            mend="Leave out --port: any free one is taken.",
        ) from error  # fmt: skip
    return made
