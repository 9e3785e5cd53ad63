"""A Lab in this process, and questions to it as a page asks them."""

import contextlib
import http.client
import json
import threading
import time
from pathlib import Path

import numpy as np

import melpy
from melpy import layers
from melpy.experiments.opened import Opened
from melpy.lab.samples import Samples
from melpy.lab.session import Session


def small_model():
    """Return a network for 6x6 images of two channels."""
    melpy.random.set_seed(2)
    model = melpy.Sequential([
        melpy.Input((6, 6, 2)),
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Flatten(name="flat"),
        layers.Dense(3, "softmax", name="head"),
    ], name="small")  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def session_of(model, samples=None, path="model.keras", task=None):
    """Return a session of a model, on random samples where none are given."""
    found = Opened(model, Path(path), task)
    if samples is None:
        shape = [size or 5 for size in model.inputs[0].shape[1:]]
        x = np.random.default_rng(0).normal(size=(8, *shape)).astype("float32")
        x = x if model.inputs[0].dtype == "float32" else np.ones(x.shape, int)
        count = max(model.outputs[0].shape[-1] or 1, 2)
        y = np.arange(8) % count
        samples = Samples("some", x, y, x[:3], y[:3], tuple(f"class {n}" for n in range(count)))
    return Session(found, samples)


def arrays_of(session, answer):
    """Return an answer's arrays by name, as the page reads them."""
    body = session.arrays(answer["id"])
    return {key: array_at(body, entry) for key, entry in answer["arrays"].items()}


def array_at(body, entry):
    count = int(np.prod(entry["shape"]))
    dtype = {"float32": "<f4", "int32": "<i4"}[entry["dtype"]]
    return np.frombuffer(body, dtype, count, entry["offset"]).reshape(entry["shape"])


@contextlib.contextmanager
def served(session):
    """Serve a session in a thread; give the server."""
    from melpy.lab.server import Server

    server = Server(session)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.is_running and time.monotonic() < until:
            time.sleep(0.01)
        yield server
    finally:
        server.stop()
        thread.join(20)
    assert not thread.is_alive()


def ask(server, path, body=None, method=None, raw=None, **headers):
    """Ask a server; return the status, the headers and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"X-Melpy-Token": server.token} | {k.replace("_", "-"): v for k, v in headers.items()}
    headers = {key: value for key, value in headers.items() if value is not None}
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    try:
        how = method or ("GET" if data is None else "POST")
        connection.putrequest(how, path, skip_host="Host" in headers)
        if data is not None and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(data))
        for key, value in headers.items():
            connection.putheader(key, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()
