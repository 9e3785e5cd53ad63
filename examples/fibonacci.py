"""Fibonacci: an LSTM that learns to go on with a series it is shown four numbers of.

Shows  a recurrent network on windows of a series, and why a series that grows has to be scaled:
       Fibonacci's numbers grow by 1.618 a step, so their logarithms grow by a constant, and of
       a window only what is above its last logarithm is shown. What is left is the same task at
       every size, and so a network that has seen small numbers goes on to large ones.
Takes  about 3 seconds. The series are made here; no network is needed.
Expect the next number within about 0.1% on series of other starts than those it learnt from, and
       the 30th of Fibonacci's own numbers, from its first four, within about 1%.

    python examples/fibonacci.py
"""

import numpy as np

import melpy
from melpy import layers

SHOWN = 4


def series(first: float, second: float, length: int) -> np.ndarray:
    """Return f with f[n] = f[n-1] + f[n-2]."""
    numbers = [first, second]
    while len(numbers) < length:
        numbers.append(numbers[-1] + numbers[-2])
    return np.array(numbers[:length], dtype="float64")


def windows(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (windows, SHOWN, 1) of logarithms above each window's last, and the next one's."""
    logs = np.log(numbers)
    shown = np.lib.stride_tricks.sliding_window_view(logs, SHOWN)[:-1]
    following = logs[SHOWN:] - shown[:, -1]
    return (shown - shown[:, -1:])[..., None].astype("float32"), following.astype("float32")


def windows_of(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows of ``count`` series with drawn starts."""
    made = [windows(series(*rng.uniform(1, 20, 2), 12)) for _ in range(count)]
    return np.concatenate([x for x, _ in made]), np.concatenate([y for _, y in made])


def go_on(model: melpy.Model, start: np.ndarray, steps: int) -> np.ndarray:
    """Return ``start`` and ``steps`` more numbers, each from those before it."""
    logs = list(np.log(start))
    for _ in range(steps):
        shown = np.array(logs[-SHOWN:])
        x = (shown - shown[-1]).astype("float32").reshape(1, SHOWN, 1)
        logs.append(logs[-1] + float(model.predict(x, verbose=0)[0, 0]))
    return np.exp(logs)


def main() -> dict[str, float]:
    """Train, print what came out, and return the figures."""
    melpy.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    (x, y), (x_test, y_test) = windows_of(rng, 400), windows_of(rng, 100)

    model = melpy.Sequential([melpy.Input((SHOWN, 1)), layers.LSTM(32), layers.Dense(1)])
    rate = melpy.optimizers.schedules.CosineDecay(0.01, decay_steps=20 * len(x) // 32)
    model.compile(melpy.optimizers.Adam(rate), loss="mse")
    model.fit(x, y, batch_size=32, epochs=20, verbose=0)

    told = np.exp(model.predict(x_test, verbose=0)[:, 0])
    error = float(np.abs(told / np.exp(y_test) - 1).mean())
    same_step = float(np.abs(np.exp(-x_test[:, -2, 0]) / np.exp(y_test) - 1).mean())

    fibonacci = series(1, 2, 30)
    made = go_on(model, fibonacci[:SHOWN], 30 - SHOWN)
    last = float(abs(made[-1] / fibonacci[-1] - 1))
    print(f"{len(x)} windows to learn from, {len(x_test)} to be tested on\n")
    print("                              mean error of the next number")
    print(f"  this network                {error:8.2%}")
    print(f"  the last growth once more   {same_step:8.2%}\n")
    print("Fibonacci's own numbers, each made from the four before it:\n")
    print("     n       true       made")
    for n in (5, 6, 7, 8, 10, 15, 20, 25, 30):
        print(f"  {n:4d} {fibonacci[n - 1]:10.0f} {made[n - 1]:10.0f}")
    return {"next_error": error, "last_growth_error": same_step, "thirtieth_error": last}


if __name__ == "__main__":
    main()
