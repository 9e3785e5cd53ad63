"""Where the boxes of a graph stand: in rows, each after those that point to it, few lines crossing.

Rows lie along the way that arrows point ("along"), boxes in a row beside each other ("across").
An arrow over several rows bends through one waypoint in each. K. Sugiyama et al. 1981: rows by
the longest way, order by barycentres, then positions near those of the neighbours.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

__all__ = ["placed"]

SWEEPS = 12


def placed(
    sizes: Sequence[tuple[float, float]], arrows: Sequence[tuple[int, int]], gap: float
) -> tuple[list[tuple[float, float]], list[list[tuple[float, float]]]]:
    """Return where the centre of each box stands, and the points that each arrow goes through.

    Parameters
    ----------
    sizes : (across, along) of each box
    arrows : (from, to), box numbers; from < to
    gap : float, room between rows; between boxes of a row it is half as much

    Returns
    -------
    centres, ways : (across, along) of each box, all >= 0; and of each point of each arrow, which
    begins and ends at edges of boxes

    Examples
    --------
    >>> centres, ways = placed([(2, 1), (2, 1)], [(0, 1)], gap=1)
    >>> centres
    [(1.0, 0.5), (1.0, 2.5)]
    >>> ways
    [[(1.0, 1.0), (1.0, 2.0)]]
    """
    row = _rows(len(sizes), arrows)
    wide, chains = [w for w, _ in sizes], []
    for start, end in arrows:  # waypoints are boxes without a size
        waypoints = range(len(wide), len(wide) + row[end] - row[start] - 1)
        chains.append([start, *waypoints, end])
        wide += [0.0] * len(waypoints)
        row += range(row[start] + 1, row[end])
    steps = [(a, b) for chain in chains for a, b in itertools.pairwise(chain)]
    before: list[list[int]] = [[] for _ in wide]
    after: list[list[int]] = [[] for _ in wide]
    for a, b in steps:
        after[a].append(b)
        before[b].append(a)
    order = _ordered(row, steps, before, after)
    across = _across(order, wide, gap / 2, before, after, len(sizes))

    tall = [max((sizes[n][1] for n in one if n < len(sizes)), default=0.0) for one in order]
    tops = np.concatenate([[0.0], np.cumsum([t + gap for t in tall])])
    middle = [float(tops[row[n]] + tall[row[n]] / 2) for n in range(len(wide))]
    ways = []
    for chain in chains:
        way = [(across[chain[0]], middle[chain[0]] + sizes[chain[0]][1] / 2)]
        for n in chain:  # straight through the row, between its boxes
            top = float(tops[row[n]])
            way += [(across[n], top), (across[n], top + tall[row[n]])]
        way.append((across[chain[-1]], middle[chain[-1]] - sizes[chain[-1]][1] / 2))
        del way[1], way[-2]  # the first row's top and the last row's bottom
        ways.append([p for n, p in enumerate(way) if n == 0 or p != way[n - 1]])
    return [(across[n], middle[n]) for n in range(len(sizes))], ways


def _rows(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """Return each box's row: the longest way to it; where nothing leads, just before its use."""
    row = [0] * count
    for a, b in sorted(arrows, key=lambda arrow: arrow[1]):
        row[b] = max(row[b], row[a] + 1)
    led_to = {b for _, b in arrows}
    for n in set(range(count)) - led_to:
        row[n] = min((row[b] for a, b in arrows if a == n), default=1) - 1
    return row


def _ordered(
    row: list[int], steps: list[tuple[int, int]], before: list[list[int]], after: list[list[int]]
) -> list[list[int]]:
    """Return the boxes of each row in an order in which few arrows cross."""
    order: list[list[int]] = [[] for _ in range(max(row, default=-1) + 1)]
    for n, r in enumerate(row):
        order[r].append(n)
    best, fewest = [list(one) for one in order], _crossings(order, row, steps)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for one in order if down else reversed(order):
            place = {n: k for row_now in order for k, n in enumerate(row_now)}
            near = before if down else after
            mean = {n: np.mean([place[m] for m in near[n]] or [place[n]]) for n in one}
            one.sort(key=mean.__getitem__)
        if (now := _crossings(order, row, steps)) < fewest:
            best, fewest = [list(one) for one in order], now
    return best


def _crossings(order: list[list[int]], row: list[int], steps: list[tuple[int, int]]) -> int:
    """Return how many pairs of arrows between neighbouring rows cross."""
    place = {n: k for one in order for k, n in enumerate(one)}
    between: list[list[tuple[int, int]]] = [[] for _ in order]
    for a, b in steps:
        between[row[a]].append((place[a], place[b]))
    count = 0
    for pairs in between:
        ends = np.array(pairs).reshape(-1, 2)
        turned = np.sign(ends[:, None] - ends[None])  # (E,E,2)
        count += int((turned.prod(axis=-1) < 0).sum()) // 2
    return count


def _across(
    order: list[list[int]],
    wide: list[float],
    gap: float,
    before: list[list[int]],
    after: list[list[int]],
    boxes: int,
) -> list[float]:
    """Return positions near the mean of the neighbours', no two boxes of a row overlapping."""
    across = np.zeros(len(wide))
    for sweep in range(SWEEPS):
        near = before if sweep % 2 == 0 else after
        for one in order if sweep % 2 == 0 else reversed(order):
            wish = np.array([across[_leading(near[n], boxes) or [n]].mean() for n in one])
            half = np.array([wide[n] / 2 for n in one])
            apart = np.concatenate([[0.0], np.cumsum(half[:-1] + gap + half[1:])])
            weight = np.array([1.0 if n < boxes else 0.1 for n in one])  # arrows make way
            across[one] = _rising(wish - apart, weight) + apart
    across -= min((across[n] - wide[n] / 2 for n in range(len(wide))), default=0.0)
    return [float(x) for x in across]


def _leading(near: list[int], boxes: int) -> list[int]:
    """Return the neighbours to stand next to: boxes; waypoints where there are no others."""
    return [n for n in near if n < boxes] or near


def _rising(wish: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the nearest numbers that do not fall: neighbours in the wrong order share a mean."""
    groups: list[list[float]] = []  # mean, weight, size
    for x, w in zip(wish, weight, strict=True):
        groups.append([x, w, 1])
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            x2, w2, n2 = groups.pop()
            x1, w1, n1 = groups.pop()
            groups.append([(x1 * w1 + x2 * w2) / (w1 + w2), w1 + w2, n1 + n2])
    return np.repeat([x for x, _, _ in groups], [int(n) for _, _, n in groups])
