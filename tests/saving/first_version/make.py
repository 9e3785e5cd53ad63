"""Write the files beside this one, as the first version of the library wrote them.

They are kept so that later versions still read them. Run with that version's environment, in an
empty folder beside a copy of this file:

    python make.py
"""

import contextlib
import json
from pathlib import Path

import numpy as np

import melpy
from melpy import layers

HERE = Path(__file__).parent
X = np.linspace(-1, 1, 6 * 4 * 4).reshape(6, 4, 4, 1).astype("float32")
Y = np.arange(6) % 3


def model_of():
    """Return a small model with what files hold: weights, statistics, an optimizer's state."""
    melpy.utils.set_random_seed(3)
    model = melpy.Sequential(
        [
            melpy.Input((4, 4, 1)),
            layers.Conv2D(2, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Fail(melpy.callbacks.Callback):
    """Ends a training in its third epoch, so that its backup stays."""

    def on_epoch_begin(self, epoch, logs=None):
        """Stop."""
        if epoch == 2:
            raise InterruptedError


def main():
    """Write them all."""
    model = model_of()
    whole = model.fit(X, Y, batch_size=3, epochs=4, verbose=0)
    for name in ("m.keras", "m.h5"):
        model.save(HERE / name)
    (HERE / "folder").mkdir()
    model.save(HERE / "folder", zipped=False)
    for name in ("w.weights.h5", "w.safetensors", "w.npz"):
        model.save_weights(HERE / name)
    model.save_weights(HERE / "s.weights.json", max_shard_size=3e-7)
    cut = model_of()
    with contextlib.suppress(InterruptedError):
        cut.fit(
            X, Y, batch_size=3, epochs=4, verbose=0,
            callbacks=[melpy.callbacks.BackupAndRestore(HERE / "backup"), Fail()],
        )  # fmt: skip
    told = {
        "predictions": model.predict(X).tolist(),
        "loss": whole.history["loss"],
        "steps": int(model.optimizer.iterations),
    }
    (HERE / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
