"""The beam search of `ctc_decode`: the likeliest labels, of which several paths may speak.

After each frame a labelling has two probabilities: of the paths that end on its last label, and of
those that end on a blank. Only behind a blank does the same label start a second time.
"""

from __future__ import annotations

import math

import numpy as np

__all__: list[str] = []  # helpers of ops, no ops

Labels = tuple[int, ...]
Beams = dict[Labels, tuple[float, float]]  # log p ending on the last label, on a blank


def best_paths(
    logits: np.ndarray, lengths: np.ndarray, beam_width: int, top_paths: int, blank: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (top_paths, N, T), -1 behind them, and log probabilities (N, top_paths)."""
    N, T, _ = logits.shape
    below = logits - logits.max(axis=-1, keepdims=True)
    log_p = below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
    labels = np.full((top_paths, N, T), -1, np.int32)
    scores = np.full((N, top_paths), -np.inf, logits.dtype)
    for n, length in enumerate(lengths):
        beams: Beams = {(): (-math.inf, 0.0)}
        for frame in log_p[n, : int(length)].tolist():
            beams = _best(_extended(beams, frame, blank), beam_width)
        for rank, (path, ways) in enumerate(_best(beams, top_paths).items()):
            labels[rank, n, : len(path)] = path
            scores[n, rank] = _sum(*ways)
    return labels, scores


def _sum(a: float, b: float) -> float:
    """Return log(e^a + e^b); of single numbers it is several times faster than NumPy's."""
    a, b = max(a, b), min(a, b)
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))


def _extended(beams: Beams, frame: list[float], blank: int) -> Beams:
    """Return what labellings become with one more frame: themselves, or longer by one label."""
    on_label: dict[Labels, float] = {}
    on_blank: dict[Labels, float] = {}
    classes = [c for c in range(len(frame)) if c != blank]
    for path, (label, none) in beams.items():
        total = _sum(label, none)
        on_blank[path] = total + frame[blank]
        if path:
            on_label[path] = _sum(on_label.get(path, -math.inf), label + frame[path[-1]])
        for c in classes:
            longer, before = (*path, c), none if path and path[-1] == c else total
            on_label[longer] = _sum(on_label.get(longer, -math.inf), before + frame[c])
    extended = {
        path: (on_label.get(path, -math.inf), on_blank.get(path, -math.inf))
        for path in {**on_label, **on_blank}
    }
    return {path: ways for path, ways in extended.items() if max(ways) > -math.inf}


def _best(beams: Beams, count: int) -> Beams:
    """Return the likeliest, best first; of equals those of smaller and of more labels."""
    best = sorted(
        beams.items(), key=lambda beam: (_sum(*beam[1]), [-c for c in beam[0]]), reverse=True
    )
    return dict(best[:count])
