"""DataParallel: each process has the whole model and a part of each batch."""

from __future__ import annotations

import functools
import os
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from melpy import config, job, random
from melpy.distribution.communicator import Alone, Mpi, communicator
from melpy.errors import ArgumentError, DtypeError, MelpyError, UnsupportedError, warn
from melpy.part import Part

__all__ = [
    "DataParallel", "distribution", "ending_together", "initialize", "list_devices",
    "set_distribution",
]  # fmt: skip

STATISTICS = ("global", "local")
MICRO_BATCHES = 12  # of a batch: as many for 1, 2, 3, 4, 6 and 12 processes

_processes: Alone | Mpi | None = None
_current: DataParallel | None = None
_has_its_share = False  # of the threads that would be one process's
_is_settled = False  # whether batches are shared, or not


def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
    """Find the processes of this job; `DataParallel` does it where nobody did.

    Parameters
    ----------
    job_addresses, num_processes, process_id : as in Keras; the MPI launcher knows them, and they
        are held against what it says

    Raises
    ------
    ArgumentError : the launcher says otherwise
    DependencyError : mpi4py is not installed
    """
    made = _known()
    for name, value, real in (
        ("num_processes", num_processes, made.size),
        ("process_id", process_id, made.rank),
    ):
        if value is not None and value != real:
            raise ArgumentError(
                "initialize",
                f"{name} is not what the MPI launcher says",
                expected=str(real),
                received={name: value},
                mend="Leave it out: mpiexec -n says how many processes there are.",
            )


def _known() -> Alone | Mpi:
    global _processes
    if _processes is None:
        _processes = communicator()
    return _processes


def list_devices(device_type: str | None = None) -> list[str]:
    """Return one CPU a process, as "cpu:0"."""
    if device_type not in (None, "cpu", "CPU"):
        return []
    return [f"cpu:{rank}" for rank in range(_known().size)]


class DataParallel:
    """Each process trains the whole model on its part of each batch; gradients are added up.

    Parameters
    ----------
    device_mesh, devices : as in Keras; here the processes of the MPI job are the devices, and
        ``devices`` may name all of them
    auto_shard_dataset : bool, whether each process takes its part of the batches that an iterable
        gives all of them; False where the data gives each process other samples
    deterministic : bool, whether the result is the same to the bit for 1, 2, 3, 4, 6 and 12
        processes, and any number up to 12: each batch is cut into 12 micro-batches, which are
        added up in their order. It is slower: the processes tell each other each one's gradients
    batch_statistics : "global", BatchNormalization sees the whole batch, or "local", the part that
        the process has

    Attributes
    ----------
    rank : int, this process's number
    size : int, how many there are

    Notes
    -----
    ``batch_size`` is that of the whole batch. The result is that of one process on the whole batch,
    up to the order in which sums are added.

    Examples
    --------
    >>> alone = DataParallel()
    >>> alone.rank, alone.size
    (0, 1)
    """

    def __init__(
        self,
        device_mesh: Any = None,
        devices: Sequence[str] | None = None,
        auto_shard_dataset: bool = True,
        *,
        deterministic: bool = False,
        batch_statistics: str = "global",
    ) -> None:
        if device_mesh is not None:
            raise UnsupportedError(
                "DataParallel",
                "a mesh of devices is not laid out here",
                expected="device_mesh=None: the processes that mpiexec began",
            )
        if batch_statistics not in STATISTICS:
            raise ArgumentError(
                "DataParallel", "batch_statistics is none of the two",
                expected=" or ".join(map(repr, STATISTICS)),
                received={"batch_statistics": batch_statistics},
            )  # fmt: skip
        self.processes = _known()
        self.rank, self.size = self.processes.rank, self.processes.size
        if devices is not None and len(devices) != self.size:
            raise ArgumentError(
                "DataParallel",
                "devices are not as many as the job's processes",
                expected=f"{self.size}, one a process",
                received={"devices": list(devices)},
            )
        whole = auto_shard_dataset and batch_statistics == "global"
        if deterministic and (self.size > MICRO_BATCHES or not whole):
            raise ArgumentError(
                "DataParallel",
                "deterministic=True is for few processes that know whole batches",
                expected=f"up to {MICRO_BATCHES} processes, auto_shard_dataset=True and "
                "batch_statistics='global'",
                received={
                    "processes": self.size,
                    "auto_shard_dataset": auto_shard_dataset,
                    "batch_statistics": batch_statistics,
                },
            )
        self.deterministic = deterministic
        self.auto_shard_dataset, self.batch_statistics = auto_shard_dataset, batch_statistics

    num_processes = num_model_replicas = property(lambda self: self.size)
    data_shard_id = property(lambda self: self.rank)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Be the distribution inside a ``with`` block."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    @property
    def parts(self) -> int:
        """How many parts a batch is cut into: one a process, or the micro-batches."""
        return MICRO_BATCHES if self.deterministic else self.size

    def parts_of(self, rows: int) -> list[Part]:
        """Return this process's parts of a batch of so many samples."""
        own = Part.of(self.parts, self.rank, self.size)
        numbers = range(own.first, own.first + own.rows)
        return [Part.of(rows, number, self.parts) for number in numbers]


def set_distribution(value: DataParallel | None) -> None:
    """Let models be trained by all processes of the job; None for this process alone.

    To be called before the model is made: all processes draw the same initial weights from then on.
    """
    global _current, _has_its_share, _is_settled
    if value is not None and not isinstance(value, DataParallel):
        raise DtypeError(
            "set_distribution",
            "this is no distribution",
            expected="a DataParallel, or None",
            received={"type": type(value).__name__},
        )
    _current, _is_settled = value, True
    if value is None or value.size == 1:
        return
    if value.rank:  # what one process says is enough
        config.disable_interactive_logging()
    random.restore_stream(value.processes.broadcast(random.stream_state()))
    if not os.environ.get("MELPY_NUM_THREADS") and not _has_its_share:
        config.set_threads(max(1, config.threads() // value.processes.on_this_host))
        _has_its_share = True
    sys.excepthook = _end_all


def distribution() -> DataParallel | None:
    """Return what `set_distribution` was given last."""
    return _current


@functools.cache
def tell_of_the_others() -> None:
    """Say, once, that this process trains alone though a launcher began several."""
    if not _is_settled and job.size() > 1 and not job.rank():
        warn(
            f"This process is one of {job.size()} that a launcher began, and each of them works "
            "alone, on all of the data. To share each batch, call "
            "melpy.distribution.set_distribution(melpy.distribution.DataParallel()) before the "
            "model is made; set_distribution(None) says that this is intended."
        )


@contextmanager
def ending_together(is_command: bool = False) -> Iterator[None]:
    """End all processes of the job where this one fails inside the ``with`` block.

    Uncaught exceptions do so after `set_distribution` in any case; this is for who catches them.

    Parameters
    ----------
    is_command : bool, whether what is wrong, with files too, is answered as commands do: by a
        sentence and exit code 2
    """
    try:
        yield
    except BaseException as error:
        if _known().size > 1:
            _end_all(type(error), error, error.__traceback__, is_command)
        raise


def _end_all(kind: Any, error: BaseException, trace: Any, is_command: bool = False) -> None:
    """Say what ended this process, and end all others, which would wait for it for ever.

    What is wrong for all is said by the first process, which is quicker than the others.
    """
    processes = _known()
    job.let_the_first_speak()
    who = f"melpy: process {processes.rank} of {processes.size} on {platform.node()} ended"
    is_refused = isinstance(error, (MelpyError, OSError) if is_command else MelpyError)
    if is_refused and not os.environ.get("MELPY_DEBUG"):
        print(f"{who}: {error}", file=sys.stderr)
    else:
        print(f"{who}:", file=sys.stderr)
        traceback.print_exception(kind, error, trace)
    is_stopped = isinstance(error, KeyboardInterrupt)
    processes.stop(130 if is_stopped else 2 if is_refused and is_command else 1)
