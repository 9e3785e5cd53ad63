"""The table of a model's layers."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["summary_table"]


def summary_table(
    title: str, rows: Sequence[tuple[str, str, int]], trainable: int, total: int
) -> str:
    """Return the layers as a table of text.

    Parameters
    ----------
    title : str
    rows : (layer, output shape, number of parameters) of each layer
    trainable, total : int, numbers of parameters
    """
    header = ("Layer (type)", "Output shape", "Parameters")
    cells = [header, *((name, shape, f"{count:,}") for name, shape, count in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]

    def line(row: Sequence[str]) -> str:
        return f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}"

    rule = "  " + "─" * (sum(widths) + 4)
    return "\n".join(
        [
            title,
            rule,
            line(header),
            rule,
            *map(line, cells[1:]),
            rule,
            f"  {total:,} parameters, {trainable:,} of them trainable",
        ]
    )
