"""The driver: walks a table of kernels, without Python between them.

    a record                     one kernel: the address of its code and of its arguments, the
                                 blocks of its work, and how many records go with it
    every thread of the team     goes through the records in order. Of each it takes blocks until
                                 there are none, then waits until the others' are done
    small records, one by one    one thread does all of a row of them: meeting costs more

Blocks follow from shapes alone, so any number of threads makes the same bits. Who comes late finds
all blocks taken and done, and walks on. Counters only grow, from step to step, so that nobody has
to wait for them to be set back.
"""

from __future__ import annotations

import numpy as np

from melpy.kernels.compiled.jit import compiled
from melpy.kernels.compiled.team import LINE, add, do_block, for_team, load, rest, turn

RECORD = np.dtype(
    [
        ("task", np.int64),  # address of function(arguments, part, first, last, error)
        ("arguments", np.int64),  # address
        ("size", np.int64),  # what is cut into blocks
        ("blocks", np.int64),
        ("row", np.int64),  # records that one thread does one after the other, this one first
    ]
)
TAKEN, DONE = 0, LINE  # a record's two counters, in cache lines of their own
COUNTERS = 2 * LINE


@for_team
def walk(table, counters, first_step, steps, begin, pause, seen, error, part, first, last):
    """Go through all records, for so many steps, as one of several threads.

    The first step begins with record ``begin``. Before record ``pause`` of a later one it ends
    where the number seen there is not finite: all threads find the same number, which nobody
    overwrites before the next step.
    """
    at, failed = counters.ctypes.data, error.ctypes.data
    for _ in range(first, last):
        for step in range(first_step, first_step + steps):
            n = begin if step == first_step else 0
            while n < table.size:
                if n == pause and (n != begin or step != first_step) and not np.isfinite(seen[0]):
                    return
                taken = at + 8 * COUNTERS * n
                done, blocks = taken + 8 * DONE, table[n].blocks
                start, end = step * blocks, (step + 1) * blocks
                now = load(taken)
                while now < end:
                    if turn(taken, now, now + 1):
                        _do(table, n, now - start, failed)
                        add(done, 1)
                    now = load(taken)
                looked = 0
                while load(done) < end:
                    looked = rest(looked)
                n += table[n].row


@for_team
def walk_alone(table, steps, begin, pause, seen, made, error, part, first, last):
    """Go through all records, for so many steps, where there is nobody to share them with.

    As `walk` does; what is ``made`` are the steps that are begun, and those that are finished.
    """
    failed = error.ctypes.data
    for step in range(steps):
        n = begin if step == 0 else 0
        made[0] = step + 1
        while n < table.size:
            if n == pause and (n != begin or step != 0) and not np.isfinite(seen[0]):
                return
            for block in range(table[n].blocks):
                _do(table, n, block, failed)
            n += table[n].row
        made[1] = step + 1


@compiled
def _do(table, n, block, error):
    """Do one block of a record, or a row of records."""
    for m in range(n, n + table[n].row):
        record = table[m]
        do_block(record.task, record.arguments, block, record.size, record.blocks, error)
