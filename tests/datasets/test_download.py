"""download(): resuming, mirrors and bad hosts, all over real HTTP."""

import hashlib
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melpy.datasets.download import TRIES, download

DATA = bytes(range(256)) * 4000  # more than one block
SUM = hashlib.sha256(DATA).hexdigest()
WRONG = "sent a file with another SHA-256"


@pytest.fixture
def part(tmp_path):
    return tmp_path / "file.gz.part"


def urls(*hosts):
    return [f"{getattr(host, 'url', host)}file.gz" for host in hosts]


def test_it_downloads_a_whole_file(serve, part):
    host = serve({"file.gz": DATA})
    assert download(urls(host), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA
    assert host.ranges == [None]


def test_it_needs_no_host_when_the_part_is_whole(part):
    part.write_bytes(DATA)
    assert download([], part, SUM, 5.0) == {}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(had=st.integers(1, len(DATA) - 1))
def test_it_resumes_where_the_part_ends(serve, part, had):
    part.write_bytes(DATA[:had])
    host = serve({"file.gz": DATA})
    assert download(urls(host), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA
    assert host.ranges == [f"bytes={had}-"]


def test_a_host_that_ignores_range_starts_again(serve, part):
    part.write_bytes(b"something else")
    host = serve({"file.gz": DATA}, "plain")
    assert download(urls(host), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA
    assert host.ranges == ["bytes=14-"]


def test_a_host_that_breaks_off_is_asked_for_the_rest(serve, part):
    host = serve({"file.gz": DATA}, "breaks", most_bytes=400_000)
    assert download(urls(host), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA
    assert host.ranges == [None, "bytes=400000-", "bytes=800000-"]


def test_the_next_mirror_goes_on_where_the_first_broke_off(serve, part):
    first = serve({"file.gz": DATA}, "plain breaks", most_bytes=1000)
    second = serve({"file.gz": DATA})
    assert download(urls(first, second), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA
    assert first.ranges == [None, "bytes=1000-"]  # the second try brought nothing new
    assert second.ranges == ["bytes=1000-"]


def test_a_host_is_not_asked_for_ever(serve, part):
    host = serve({"file.gz": DATA}, "breaks", most_bytes=10)
    (reason,) = download(urls(host), part, SUM, 5.0).values()
    assert reason == f"broke off after {TRIES * 10} of {len(DATA)} bytes"
    assert len(host.ranges) == TRIES
    assert part.read_bytes() == DATA[: TRIES * 10]  # kept, for the next time


def test_wrong_bytes_are_deleted_and_the_next_mirror_is_asked(serve, part):
    liar, honest = serve({"file.gz": DATA[::-1]}), serve({"file.gz": DATA})
    assert download(urls(liar), part, SUM, 5.0) == {urls(liar)[0]: WRONG}
    assert not part.exists()
    assert download(urls(liar, honest), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA
    assert honest.ranges == [None]


def test_a_wrong_start_costs_one_more_try_from_the_same_host(serve, part):
    part.write_bytes(b"x" * 5000)
    host = serve({"file.gz": DATA})
    assert download(urls(host), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA
    assert host.ranges == ["bytes=5000-", None]


@pytest.mark.parametrize("size", [len(DATA), len(DATA) + 7])
def test_a_finished_wrong_part_is_deleted(serve, part, size):
    part.write_bytes(b"x" * size)
    host = serve({"file.gz": DATA})
    assert download(urls(host), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA
    assert host.ranges == [f"bytes={size}-", None]  # HTTP 416, then from the start


def test_a_host_that_answers_another_range_is_not_believed(serve, part):
    part.write_bytes(DATA[:100])
    host = serve({"file.gz": DATA}, "offset")
    assert download(urls(host), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA


def test_a_host_may_leave_out_the_length(serve, part):
    assert download(urls(serve({"file.gz": DATA}, "unsized")), part, SUM, 5.0) == {}
    assert part.read_bytes() == DATA


def test_each_bad_host_gets_its_reason(serve, dead_url, part):
    hosts = [dead_url, serve({}), serve({"file.gz": b""}, "error"), serve({}, "silent")]
    reasons = list(download(urls(*hosts), part, SUM, 0.2).values())
    assert re.search("refused", reasons[0])
    assert reasons[1] == "HTTP 404 Not Found"
    assert reasons[2] == "HTTP 503 Service Unavailable"
    assert reasons[3] == "timed out"
    assert not part.exists()


def test_progress_goes_to_stderr_and_only_while_downloading(serve, part, capsys):
    host = serve({"file.gz": DATA})
    download(urls(host), part, SUM, 5.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"melpy: file.gz from 127.0.0.1:{host.server_port}: 1.0 of 1.0 MB\n"
    download(urls(host), part, SUM, 5.0)
    assert capsys.readouterr() == ("", "")
