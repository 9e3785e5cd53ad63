"""What a program begins a step with, the batch's rows and the numbers; and what it looks at."""

from __future__ import annotations

from melpy.kernels.compiled.team import for_team


@for_team
def take_rows(x, order, at, y, part, first, last):
    """y[r] = x[order[at B + r]] for the B rows of a batch, all of them bytes."""
    begin = at[0] * y.shape[0]
    for r in range(first, last):
        row, taken = x[order[begin + r]], y[r]
        for k in range(row.size):
            taken[k] = row[k]


@for_team
def write_numbers(schedule, at, numbers, part, first, last):
    """numbers = schedule[at]."""
    row = schedule[at[0]]
    for k in range(row.size):
        numbers[k] = row[k]


@for_team
def see(values, seen, part, first, last):
    """seen = 0, or NaN where a value is not finite."""
    total = 0.0
    for k in range(values.size):
        total += values[k] * 0.0
    seen[0] = total


@for_team
def go_on(at, part, first, last):
    """On to the next step."""
    at[0] += 1
