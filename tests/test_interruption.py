"""A Ctrl-C that Python ignores, as one that comes while it cleans up, still ends a command."""

import signal
import sys
import time

import pytest

from melpy.cli import main
from melpy.cli.interruption import never_lost
from melpy.experiments.stopping import StoppedError, raise_at_sigterm, stop_at_signals


class Interrupting:
    """What a signal comes upon as it goes."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        signal.raise_signal(self.number)


def interrupted(number=signal.SIGINT):
    Interrupting(number)
    for _ in range(200):
        time.sleep(0.01)


def test_is_not_lost():
    with pytest.raises(KeyboardInterrupt), never_lost():
        interrupted()


def test_sigterm_is_not_lost_where_it_raises():
    with pytest.raises(StoppedError) as raised, raise_at_sigterm(), never_lost():
        interrupted(signal.SIGTERM)
    assert raised.value.args == (signal.SIGTERM,)


@pytest.mark.parametrize("held", [raise_at_sigterm, lambda: stop_at_signals([], print)])
def test_an_ignored_signal_stays_ignored(held):
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with held():
            signal.raise_signal(signal.SIGTERM)
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_a_command(monkeypatch, capsys):
    monkeypatch.setattr("melpy.cli.datasets.run", lambda arguments, out: interrupted())
    assert main(["datasets"]) == 130
    assert "melpy: stopped." in capsys.readouterr().err


def test_amidst_a_line_that_is_written():
    """Nothing can be said then; the training stops all the same."""

    def say(line):
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stdout>'>")

    stopped_by = []
    with stop_at_signals(stopped_by, say):
        signal.raise_signal(signal.SIGINT)
    assert stopped_by == [signal.SIGINT]


def test_other_errors_are_printed_as_ever():
    class Failing:
        def __del__(self):
            raise ValueError("mine")

    told, before = [], sys.unraisablehook
    sys.unraisablehook = told.append
    try:
        with never_lost():
            Failing()
    finally:
        sys.unraisablehook = before
    assert [one.exc_type for one in told] == [ValueError]
