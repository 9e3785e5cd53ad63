"""Connectionist temporal classification: labels without times, from frames with probabilities.

A. Graves et al. 2006. A path names one class a frame; what it says is the path without repeats,
then without blanks. The probability of labels is that of all paths that say them, summed over
the states between which a path moves: blank, label 1, blank, label 2, ..., blank.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ShapeError, lookup
from melpy.ops.beams import best_paths
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.spatial import whole

__all__ = ["ctc_decode", "ctc_loss"]

KERAS_ROOM = "nn"

IMPOSSIBLE = -1e5  # the logarithm of a probability of 0, as in Keras: finite, so no NaN comes of it


def _sample(rng: np.random.Generator) -> tuple:
    labels = np.array([[1, 1, 2, 0], [3, 2, 0, 0], [0, 0, 0, 0]])
    logits = rng.normal(size=(3, 7, 4))
    return labels, logits, np.array([3, 2, 0]), np.array([7, 5, 6])


def _like(torch, target, output, target_length, output_length, *, mask_index=0):
    log_p = torch.nn.functional.log_softmax(output, -1).transpose(0, 1)
    return torch.nn.functional.ctc_loss(
        log_p, target, output_length, target_length, blank=mask_index, reduction="none"
    )


@in_keras("nn.CTCLoss")
@op(sample=_sample, like=_like, keeps=("target", "target_length", "output_length"))
def ctc_loss(target, output, target_length, output_length, *, mask_index=0):
    """Return -log of the probability that each sequence's frames say its labels.

    Parameters
    ----------
    target : int array (N, S), labels
    output : array or tensor (N, T, classes), logits of each frame
    target_length : int array (N,), how many of the labels count
    output_length : int array (N,), how many of the frames count
    mask_index : int, the class that is the blank

    Returns
    -------
    tensor (N,), dtype of output; where there are too few frames for the labels, 1e5 or more

    Gradient
    --------
    d_output = g (softmax(output) - share of the paths that are at each class), frame by frame

    Source
    ------
    A. Graves et al. 2006, equations 6 to 16.

    Examples
    --------
    Two frames of equal logits over a blank and one class say "1" in 3 of 4 cases:

    >>> import numpy as np
    >>> from melpy import ops
    >>> loss = ops.ctc_loss(np.array([[1]]), np.zeros((1, 2, 2)), np.array([1]), np.array([2]))
    >>> np.exp(-loss).round(6)
    array([0.75])
    """
    N, T, K = output.shape
    if target.ndim != 2 or len(target) != N or target_length.shape != (N,):
        raise ShapeError(
            "ctc_loss",
            "labels and logits do not go together",
            expected="labels (N, S), logits (N, T, classes), lengths (N,)",
            received={"target.shape": target.shape, "output.shape": output.shape},
        )
    kind = output.dtype
    states = np.full((N, 2 * target.shape[1] + 1), mask_index)
    states[:, 1::2] = target
    L = states.shape[1]
    # A path may leave out the blank between two different labels.
    leaps = np.zeros((N, L), bool)
    leaps[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    rows = np.arange(N)
    last = 2 * target_length  # the blank after the last label

    shifted = output - output.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    emit = np.take_along_axis(log_p, np.repeat(states[:, None], T, axis=1), axis=2)  # (N,T,L)
    counts = np.arange(T) < output_length[:, None]  # (N,T)
    none = kind.type(IMPOSSIBLE)

    def moved(x: np.ndarray, by: int) -> np.ndarray:
        y = np.full_like(x, none)
        y[:, max(by, 0) : L + min(by, 0)] = x[:, max(-by, 0) : L - max(by, 0)]
        return y

    # alpha_t(s): all ways to be in state s after frame t.
    alpha = np.full((T, N, L), none)
    alpha[0, :, :2] = emit[:, 0, :2]
    for t in range(1, T):
        before = alpha[t - 1]
        leap = np.where(leaps, moved(before, 2), none)
        ways = np.logaddexp(np.logaddexp(before, moved(before, 1)), leap)
        alpha[t] = np.where(counts[:, t, None], ways + emit[:, t], before)
    before_blank = np.where(last > 0, alpha[-1, rows, last - 1], none)
    log_total = np.logaddexp(alpha[-1, rows, last], before_blank)

    def d_output(g: np.ndarray) -> np.ndarray:
        """Softmax minus the share of paths that are in a state of each class, frame by frame."""
        ends = np.full((N, L), none)
        ends[rows, last] = 0
        ends[rows[last > 0], last[last > 0] - 1] = 0
        beta, back = np.empty((T, N, L), kind), ends  # beta_t(s): all ways on from s after t
        for t in reversed(range(T)):
            beta[t] = back
            onward = back + emit[:, t]
            leap = moved(np.where(leaps, onward, none), -2)
            ways = np.logaddexp(np.logaddexp(onward, moved(onward, -1)), leap)
            back = np.where(counts[:, t, None], ways, back)
        share = np.exp(alpha + beta - log_total[:, None])  # (T,N,L)
        one_hot = (states[:, :, None] == np.arange(K)).astype(kind)
        occupied = share.transpose(1, 0, 2) @ one_hot  # (N,T,L) (N,L,K) -> (N,T,K)
        return (g[:, None, None] * (np.exp(log_p) - occupied) * counts[..., None]).astype(kind)

    return (-log_total).astype(kind), (None, d_output, None, None)


@in_keras("nn.CTCDecode")
@composed
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    *,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeliest labels that frames say, -1 behind them, and their scores.

    "greedy" takes each frame's likeliest class. "beam_search" adds up the paths that say the same
    labels, and follows from frame to frame the likeliest of those.

    Parameters
    ----------
    inputs : array (N, T, classes), logits or logarithms of probabilities
    sequence_lengths : int array (N,), how many of the frames count
    strategy : "greedy" or "beam_search"
    beam_width : int > 0, how many labellings the search follows
    top_paths : int > 0, how many of them it returns, the likeliest first
    merge_repeated : bool, whether a class in neighbouring frames counts once; "greedy" only
    mask_index : int, the class that is the blank

    Returns
    -------
    int array (1, N, T), and array (N, 1): minus the sum of the largest inputs; of a search, int
    array (top_paths, N, T), and array (N, top_paths): the logarithms of the probabilities

    Raises
    ------
    UnknownNameError : there is no such strategy

    Source
    ------
    A. Graves, N. Jaitly 2014, Towards end-to-end speech recognition with recurrent neural networks,
    algorithm 1.

    Examples
    --------
    >>> frames = np.eye(3)[[[1, 1, 0, 1, 2]]]
    >>> labels, scores = ctc_decode(frames, [5])
    >>> labels[0], scores
    (array([[ 1,  1,  2, -1, -1]], dtype=int32), array([[-5.]]))
    """
    lookup("strategy", strategy, {"greedy": 0, "beam_search": 0}, "ctc_decode")
    x = np.asarray(inputs)
    x = x.astype(np.result_type(x, np.float32))
    if strategy == "beam_search":
        beam_width, top_paths = (
            whole(n, 1, name, "ctc_decode")[0]
            for name, n in (("beam_width", beam_width), ("top_paths", top_paths))
        )
        return best_paths(x, np.asarray(sequence_lengths), beam_width, top_paths, mask_index)
    N, T, _ = x.shape
    path = x.argmax(axis=-1)
    counts = np.arange(T) < np.asarray(sequence_lengths)[:, None]
    said = counts & (path != mask_index)
    if merge_repeated:
        said[:, 1:] &= path[:, 1:] != path[:, :-1]
    labels = np.full((1, N, T), -1, np.int32)
    for n in range(N):
        labels[0, n, : said[n].sum()] = path[n, said[n]]
    return labels, -np.where(counts, x.max(axis=-1), 0).sum(axis=1, keepdims=True)
