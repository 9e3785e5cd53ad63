"""What the page asks of live training, over the wire: commands, the stream, the boundary."""

import http.client
import json
import time
from pathlib import Path

import numpy as np
import pytest

import melpy
from melpy import layers

pytest.importorskip("starlette", reason="no Starlette: melpy[lab] is not installed")
pytest.importorskip("uvicorn", reason="no uvicorn: melpy[lab] is not installed")

from shared import arrays_of, served

from melpy.experiments.opened import Opened
from melpy.lab.samples import Samples
from melpy.lab.session import Session


@pytest.fixture(scope="module")
def session():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (60, 6, 6, 1)).astype(np.float32)
    y = (x.mean((1, 2, 3)) > 0.5).astype(np.int64)
    with melpy.random.stream(3):
        model = melpy.Sequential([
            melpy.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(2, "softmax", name="end"),
        ])  # fmt: skip
    samples = Samples("noise", x, y, x[:10], y[:10], ("dim", "lit"))
    return Session(Opened(model, Path("none")), samples)


@pytest.fixture(scope="module")
def server(session):
    with served(session) as server:
        yield server


def asked(server, path, body=None, token=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers |= {"X-Melpy-Token": token or server.token}
    method = "GET" if body is None else "POST"
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    return connection, connection.getresponse()


def ask(server, path, body=None, **more):
    connection, answer = asked(server, path, body, **more)
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def lines_until(answer, is_so):
    """Read a stream's events until one is as wanted."""
    events = []
    while True:
        line = answer.readline()
        assert line, f"the stream ended after {events}"
        events.append(json.loads(line))
        if is_so(events[-1]):
            return events


def test_commands_answer_where_the_run_stands(server):
    status, stands = ask(server, "/api/live", {"command": "new", "optimizer": "sgd", "rate": 0.1})
    assert status == 200
    assert stands["state"] == "paused"
    assert stands["layers"] == ["conv", "end"]
    status, stands = ask(server, "/api/live", {"command": "step", "count": 3})
    assert (stands["step"], stands["steps_kept"]) == (3, 3)


def test_bad_commands_get_one_sentence(server):
    status, answer = ask(server, "/api/live", {"command": "melt"})
    assert status == 400
    assert "unknown command 'melt'" in answer["error"]
    assert "\n" not in answer["error"]


@pytest.mark.parametrize("question", [
    {"command": "rate"}, {"command": "rate", "rate": None}, {"command": "pace"},
    {"command": "break", "kind": "labels", "on": [1]}, {"command": "step", "count": "2"},
])  # fmt: skip
def test_a_command_that_says_too_little_gets_one_sentence(server, question):
    ask(server, "/api/live", {"command": "new"})
    status, answer = ask(server, "/api/live", question)
    assert status == 400
    assert "\n" not in answer["error"]


def test_null_is_as_good_as_nothing(server):
    nothing = dict.fromkeys(("rate", "batch_size", "seed", "optimizer", "is_fresh"))
    status, stands = ask(server, "/api/live", {"command": "new", **nothing})
    assert (status, stands["batch_size"]) == (200, 32)
    status, stands = ask(server, "/api/live", {"command": "step", "count": None})
    assert (status, stands["step"]) == (200, 1)
    assert ask(server, "/api/live", {"command": "pace", "pace": None})[1]["pace"] is None


@pytest.mark.parametrize("path", ["/api/live/7", "/api/live/0?after=-1", "/api/live/0?after=x"])
def test_streams_that_are_not_there_are_refused(server, path):
    status, answer = ask(server, path)
    assert status == 400
    assert answer["error"]


@pytest.mark.parametrize("path", ["/api/live/0", "/api/live/0/boundary"])
def test_without_the_token_nothing_is_told(server, path):
    assert ask(server, path, token="wrong")[0] == 401
    assert ask(server, path, Origin="http://elsewhere.example")[0] == 403


def test_the_stream_tells_each_step_and_goes_on_where_it_was_left(server):
    ask(server, "/api/live", {"command": "new"})
    connection, answer = asked(server, "/api/live/0")
    first = lines_until(answer, lambda event: event["kind"] == "read")
    assert [e["kind"] for e in first][:1] == ["new"]
    ask(server, "/api/live", {"command": "step", "count": 2})
    events = lines_until(answer, lambda e: e["kind"] == "state" and e["step"] == 2)
    steps = [e for e in events if e["kind"] == "step"]
    assert [e["step"] for e in steps] == [1, 2]
    assert set(steps[0]["gradients"]) == {"conv", "end"}
    after = lines_until(answer, lambda event: event["kind"] == "read")[-1]["after"]
    connection.close()
    ask(server, "/api/live", {"command": "step"})
    connection, answer = asked(server, f"/api/live/0?after={after}")
    events = lines_until(answer, lambda event: event["kind"] == "read")
    assert [e["step"] for e in events if e["kind"] == "step"] == [3]
    connection.close()


def test_a_run_pauses_when_the_page_is_closed(server):
    ask(server, "/api/live", {"command": "new", "pace": 50})
    connection, answer = asked(server, "/api/live/0")
    answer.readline()
    ask(server, "/api/live", {"command": "start"})
    lines_until(answer, lambda event: event["kind"] == "step")
    connection.sock.close()
    answer.close()
    connection.close()
    end = time.monotonic() + 15
    while ask(server, "/api/live", {"command": "state"})[1]["state"] != "paused":
        assert time.monotonic() < end, "it goes on for nobody"
        time.sleep(0.05)


def test_the_boundary_of_points_and_of_images(server):
    ask(server, "/api/live", {"command": "new", "run": 1, "data": "moons"})
    status, found = ask(server, "/api/live/1/boundary")
    assert status == 200
    values = np.array(found["values"]).reshape(found["count"], found["count"], found["classes"])
    np.testing.assert_allclose(values.sum(-1), 1, atol=1e-3)
    assert len(found["x"]) == len(found["y"]) == 200
    ask(server, "/api/live", {"command": "new"})
    assert ask(server, "/api/live/0/boundary")[0] == 400


def test_labels_are_in_the_losss_form(session, server):
    session.model.compile("adam", "categorical_crossentropy")
    session.loss = session.model.loss
    try:
        ask(server, "/api/live", {"command": "new"})
        status, stands = ask(server, "/api/live", {"command": "step", "count": 2})
        assert (status, stands["state"], stands["step"]) == (200, "paused", 2)
    finally:
        session.model.compile("adam", "sparse_categorical_crossentropy")
        session.loss = session.model.loss


def test_adopted_weights_are_those_that_are_traced(session, server):
    _, before = ask(server, "/api/trace", {"sample": 1})
    ask(server, "/api/live", {"command": "new", "is_fresh": False, "rate": 0.05})
    ask(server, "/api/live", {"command": "step", "count": 5})
    ask(server, "/api/live", {"command": "adopt"})
    _, adopted = ask(server, "/api/trace", {"sample": 1})
    assert adopted["loss"] != before["loss"]
    ask(server, "/api/live", {"command": "return"})
    assert ask(server, "/api/trace", {"sample": 1})[1]["loss"] == before["loss"]


# Two optimizers.


def test_the_first_step_of_adam_is_the_traces(session, server):
    _, traced = ask(server, "/api/trace", {"sample": 2, "optimizer": "adam"})
    arrays = arrays_of(session, traced)
    step = {
        n: arrays[key] for n, key in traced["update"]["per_weight"]["end/kernel"].items() if key
    }
    index = int(np.abs(step["gradient"]).argmax())
    question = {
        "trace": traced["trace"], "weight": "end/kernel", "index": index, "steps": 5,
        "rates": {"adam": traced["update"]["learning_rate"], "sgd": 0.1},
    }  # fmt: skip
    status, found = ask(server, "/api/optimizer", question)
    assert status == 200
    adam, sgd = found["runs"]["adam"], found["runs"]["sgd"]
    assert len(adam) == len(sgd) == 5
    for name in ("before", "gradient", "after"):
        assert adam[0][name] == float(step[name].flat[index]), name
    for row in sgd:
        assert row["after"] == pytest.approx(row["before"] - 0.1 * row["gradient"], abs=1e-7)


def test_watching_leaves_the_network_as_it_is(session, server):
    before = [w.copy() for w in session.model.get_weights()]
    _, traced = ask(server, "/api/trace", {"sample": 0})
    ask(server, "/api/optimizer", {"trace": traced["trace"], "weight": "conv/kernel", "steps": 3})
    for a, b in zip(before, session.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weight": "nose/kernel"}, "no such weight"),
        ({"weight": "conv/kernel", "index": 10_000}, "no such value"),
        ({"weight": "conv/kernel", "index": -1}, "index is out of range"),
        ({"weight": "conv/kernel", "index": 0.0}, "index is out of range"),
        ({"weight": "conv/kernel", "steps": 1000}, "steps is out of range"),
        ({"weight": "conv/kernel", "rates": 3}, "no learning rates"),
        ({"weight": "conv/kernel", "rates": {"sgd": 0}}, "learning rate is out of range"),
        ({"weight": "conv/kernel", "trace": "t999999"}, "no longer kept"),
        ({"weight": "conv/kernel", "trace": ["t1"]}, "is no text"),
    ],
)
def test_what_cannot_be_watched_is_refused(server, wrong, message):
    _, traced = ask(server, "/api/trace", {"sample": 0})
    status, answer = ask(server, "/api/optimizer", {"trace": traced["trace"], **wrong})
    assert status in (400, 404)
    assert message in answer["error"]
