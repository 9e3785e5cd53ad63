"""Shakespeare: a network that writes one letter after the other.

Shows  text as numbers, an Embedding and an LSTM that answers at every place of a sequence, and
       drawing from what it answers, colder or warmer.
Takes  about 30 seconds. The text, five sonnets and three speeches (William Shakespeare, about
       1600; in the public domain), stands in examples/data/shakespeare.txt; no network is needed.
Expect a perplexity below 2 on the text itself, which is to know it almost by heart: 4000 letters
       are far too few to learn English from. Cold, it recites; warm, it invents words.

    python examples/shakespeare.py
"""

from pathlib import Path

import numpy as np

import melpy
from melpy import layers

TEXT = Path(__file__).parent / "data" / "shakespeare.txt"
LENGTH = 40  # letters of a sequence


def build(letters: int) -> melpy.Sequential:
    """Return a network that gives, at each place, a logit for each letter that may follow."""
    model = melpy.Sequential(
        [
            melpy.Input((None,), dtype="int32"),
            layers.Embedding(letters, 24),
            layers.LSTM(128, return_sequences=True),
            layers.Dense(letters),
        ]
    )
    model.compile(
        melpy.optimizers.Adam(0.005),
        loss=melpy.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def write(
    model: melpy.Model, vocabulary: list[str], start: str, count: int, temperature: float
) -> str:
    """Return ``start`` and ``count`` letters, each drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(0)
    text = start
    for _ in range(count):
        seen = np.array([[vocabulary.index(letter) for letter in text[-LENGTH:]]])
        logits = model.predict(seen, verbose=0)[0, -1].astype("float64") / temperature
        shares = np.exp(logits - logits.max())
        text += vocabulary[rng.choice(len(vocabulary), p=shares / shares.sum())]
    return text


def main(epochs: int = 60) -> dict[str, float]:
    """Train, print what came out, and return the figures."""
    melpy.utils.set_random_seed(0)
    text = TEXT.read_text(encoding="utf-8")
    vocabulary = sorted(set(text))
    numbers = np.array([vocabulary.index(letter) for letter in text])
    cut = np.lib.stride_tricks.sliding_window_view(numbers, LENGTH + 1)[::3]
    x, y = cut[:, :-1], cut[:, 1:]  # at each place, the letter after it

    model = build(len(vocabulary))
    history = model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)

    loss = history.history["loss"][-1]
    shares = np.bincount(numbers) / len(numbers)
    blind = float(np.exp(-(shares * np.log(shares)).sum()))
    print(f"{len(text)} letters, {len(vocabulary)} different ones, {len(x)} cuts of {LENGTH}\n")
    print("                                   perplexity")
    print(f"  this network                     {np.exp(loss):6.2f}")
    print(f"  knowing how often each letter is {blind:6.2f}")
    for temperature in (0.3, 1.2):
        print(f"\nAt temperature {temperature}:\n")
        written = write(model, vocabulary, "Shall I ", 160, temperature)
        print("\n".join("  " + line for line in written.splitlines()))
    return {"perplexity": float(np.exp(loss)), "letter_frequencies": blind}


if __name__ == "__main__":
    main()
