"""A recording holds what the session answered, under the questions that the page asks."""

import json

import numpy as np

from melpy.lab.recording import Recorder

from .shared import array_at, arrays_of, session_of, small_model


def test_a_recording_answers_what_was_asked(tmp_path):
    session = session_of(small_model())
    recorder = Recorder(session)
    told = session.trace({"sample": 1})
    session.trace({"sample": 1})  # the same question again
    question = {"trace": told["trace"], "path": "conv", "filter": 2}
    answer = session.convolution(question)
    folder = recorder.write(tmp_path / "made" / "here")
    lab = json.loads((folder / "lab.json").read_text())
    assert lab["is_recorded"] is True
    assert [(one["path"], one["file"]) for one in lab["recorded"]] == [
        ("/api/trace", "trace-0"), ("/api/convolution", "convolution-0")
    ]  # fmt: skip
    assert lab["recorded"][1]["body"] == {"trace": "trace-0", "path": "conv", "filter": 2}
    assert json.loads((folder / "trace-0.json").read_text())["trace"] == "trace-0"
    kept = json.loads((folder / "convolution-0.json").read_text())
    body = (folder / "convolution-0.bin").read_bytes()
    own = arrays_of(session, answer)
    assert kept["arrays"].keys() == own.keys()
    for key, entry in kept["arrays"].items():
        np.testing.assert_array_equal(array_at(body, entry), own[key])
