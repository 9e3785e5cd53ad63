"""What a launcher tells a process of its job, before MPI is asked."""

from __future__ import annotations

import os
import time

__all__ = ["is_first_of_its_host", "is_launched", "let_the_first_speak", "rank", "size"]

PATIENCE_S = 3.0  # of a process that fails with what all may fail with
# Of MPICH and Slurm, Open MPI, PMIx, MVAPICH.
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
LOCAL_RANKS = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID")
RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK")


def is_launched() -> bool:
    """Return whether a launcher such as mpiexec began this process."""
    return any(name in os.environ for name in (*SIZES, *RANKS))


def rank() -> int:
    """Return this process's number in its job; 0 where there is none."""
    return _told(RANKS, 0)


def is_first_of_its_host() -> bool:
    """Return whether no other process of this machine speaks for it."""
    return not _told(LOCAL_RANKS, 0)


def size() -> int:
    """Return how many processes the job has, if the launcher tells; 1 where there is none."""
    return _told(SIZES, 1)


def let_the_first_speak() -> None:
    """Wait, unless this is the first process, which says what is wrong for all and ends the job."""
    if rank():
        time.sleep(PATIENCE_S)


def _told(names: tuple[str, ...], otherwise: int) -> int:
    told = next((os.environ[name] for name in names if name in os.environ), "")
    return int(told) if told.isdecimal() else otherwise
