"""What a page asks of live training, and of a few steps of two optimizers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from melpy.lab.asked import json_of, refused
from melpy.lab.live import Live
from melpy.lab.task import numbers_of
from melpy.lab.watched import watched

__all__ = ["routes"]

LOOK_S = 0.1  # how often the log is looked at
BEAT_S = 5.0  # how often a line is sent when there is nothing to tell
GRID = (48, 1.2)  # points a side, and how far they go


def routes(session: Any) -> list[Route]:
    """Return the routes of a session's live training; the gate stands before them."""
    live = Live(session)
    session.live = live  # who ends the session ends it

    async def command(request: Request) -> Response:
        asked = await json_of(request)
        return JSONResponse(await run_in_threadpool(live.command, asked))

    async def stream(request: Request) -> Response:
        number = live.number_of(request.path_params["run"])
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 15:
            what = "this is no event's number"
            raise refused("after", after, what, "a whole number", "live training")
        return StreamingResponse(
            _lines(live, number, int(after)),
            media_type="application/x-ndjson",
            headers={"Cache-Control": "no-store"},
        )

    async def boundary(request: Request) -> Response:
        run = live.run(live.number_of(request.path_params["run"]))
        count, span = GRID
        values = await run_in_threadpool(run.decisions, count, span)
        task = run.training.task
        made = {
            "step": run.training.step,
            "count": count,
            "span": span,
            "classes": values.shape[-1],
            "values": np.nan_to_num(values, nan=0.5).round(4).reshape(-1).tolist(),
            "x": task.x[:400].round(4).tolist(),
            "y": numbers_of(task.y[:400]).tolist(),
        }
        return JSONResponse(made)

    async def steps_of_two(request: Request) -> Response:
        asked = await json_of(request)
        return JSONResponse(await run_in_threadpool(watched, session, asked))

    return [
        Route("/api/live", command, methods=["POST"]),
        Route("/api/live/{run:int}", stream),
        Route("/api/live/{run:int}/boundary", boundary),
        Route("/api/optimizer", steps_of_two, methods=["POST"]),
    ]


async def _lines(live: Live, number: int, after: int) -> AsyncIterator[str]:
    """Send a run's events as they come, one a line; the last one names the number to go on from."""
    with live.reading(number) as log:
        silent_s = BEAT_S  # so that the first line comes at once
        while not live.is_closed:
            events, after = log.since(after)
            if events or silent_s >= BEAT_S:
                lines = [*events, {"kind": "read", "after": after}]
                yield "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
                silent_s = 0.0
            await asyncio.sleep(LOOK_S)
            silent_s += LOOK_S
