"""What `melpy train` is asked for: a data set, a folder of images or a table, and a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from melpy import optimizers
from melpy.datasets import DATASETS
from melpy.errors import (
    ArgumentError,
    MissingFileError,
    UnknownNameError,
    nearest,
    whole_numbers,
)
from melpy.experiments.networks import DEFAULTS, is_file, recipe

__all__ = ["DEFAULT_MODELS", "TABLES", "Settings", "kind_of", "require_options_of_kind"]

DEFAULT_MODELS = {
    "digits": "lenet5",
    "mnist": "mnist-3",
    "fashion-mnist": "mnist-3",
    "cifar-10": "cifar-7",
    "cifar-100": "cifar-7",
}
TABLES = (".csv", ".tsv")
VALIDATION = "0.2"
WHO = "train"
# Which options mean something for which kind of data.
ONLY_FOR = {
    "augment": ("dataset", "images"),
    "validation": ("images", "table"),
    "image_size": ("images",),
    "channels": ("images",),
    "skip_damaged": ("images",),
    "target": ("table",),
    "task": ("table",),
    "ignore": ("table",),
    "scale": ("dataset", "images"),
}
OF_KIND = {
    "dataset": "a data set of melpy's",
    "images": "a folder of images",
    "table": "a table",
}


@dataclass(frozen=True)
class Settings:
    """The arguments of a run; None stands for the network's own, or for what the data tells.

    ``dataset`` is a data set's name, or the path of a folder or of a table. A name goes before a
    folder of that name: "./mnist" means the folder.
    """

    dataset: str = "digits"
    model: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    out: str | None = None
    validation: str | None = None
    augment: bool = False
    onnx: bool = False
    image_size: str | None = None
    channels: int | None = None
    skip_damaged: bool = False
    target: str | None = None
    task: str | None = None
    ignore: str | None = None

    @property
    def kind(self) -> str:
        """What the data is: "dataset", "images" or "table"."""
        return kind_of(self.dataset)

    @property
    def title(self) -> str:
        """The network's name, of a file's without its folder."""
        return Path(str(self.model)).stem

    def given(self) -> dict[str, Any]:
        """Return those that say something, by name."""
        values = asdict(self).items()
        return {name: value for name, value in values if value is not None and value is not False}

    def complete(self) -> Settings:
        """Return the settings with what the network decides filled in, after a look at each."""
        kind = self.kind
        require_options_of_kind(kind, {name: vars(self).get(name) for name in ONLY_FOR}, WHO)
        usual = DEFAULT_MODELS[self.dataset] if kind == "dataset" else DEFAULTS[kind]
        model = self.model or usual
        own = recipe(model, kind)
        whole_numbers(WHO, 1, epochs=self.epochs, batch_size=self.batch_size)
        whole_numbers(WHO, 0, seed=self.seed)
        stem = Path(self.dataset).stem if kind == "table" else Path(self.dataset).resolve().name
        name = f"{self.dataset if kind == 'dataset' else stem}-{Path(model).stem}"
        found = {
            "model": model,
            "epochs": own.epochs if self.epochs is None else self.epochs,
            "batch_size": own.batch_size if self.batch_size is None else self.batch_size,
            "learning_rate": own.rate if self.learning_rate is None else self.learning_rate,
            "out": self.out or _unused(Path("runs") / name),
        }
        if kind != "dataset":
            found["validation"] = self.validation or VALIDATION
        chosen = Settings(**asdict(self) | found)
        optimizers.Adam(chosen.learning_rate or 0.0)  # refuses a rate that is out of range
        return chosen

    def rooted(self) -> Settings:
        """Return the settings with whole paths: a run goes on from any folder."""
        found: dict[str, Any] = {}
        if self.kind != "dataset":
            found["dataset"] = str(Path(self.dataset).resolve())
            if self.validation and Path(self.validation).exists():
                found["validation"] = str(Path(self.validation).resolve())
        if self.model and is_file(self.model):
            found["model"] = str(Path(self.model).resolve())
        return Settings(**asdict(self) | found)


def require_options_of_kind(kind: str, options: Mapping[str, Any], who: str) -> None:
    """Refuse an option, if it is asked for, that means nothing for data of a kind."""
    for name, value in options.items():
        if value is not None and value is not False and kind not in ONLY_FOR[name]:
            kinds = " or ".join(OF_KIND[k] for k in ONLY_FOR[name])
            raise ArgumentError(
                who,
                f"--{name.replace('_', '-')} is for {kinds}",
                expected=f"none for {OF_KIND[kind]}",
                received={name: value},
            )


def kind_of(dataset: str, who: str = WHO) -> str:
    """Return what ``dataset`` is: "dataset" for a name of melpy's, "images" or "table" for a path.

    Raises
    ------
    UnknownNameError : neither a name nor a path of something that is there
    MissingFileError : a path at which nothing is
    ArgumentError : a file of another kind
    """
    if dataset in DATASETS:
        return "dataset"
    path = Path(dataset)
    if path.is_dir():
        return "images"
    if path.is_file() and path.suffix.lower() in TABLES:
        return "table"
    if path.exists():
        raise ArgumentError(
            who,
            f"{dataset} is a file of another kind",
            expected=f"a folder of images, or a table that ends in {' or '.join(TABLES)}",
        )
    if path.name == dataset and not path.suffix:  # looks like a name
        raise UnknownNameError(
            who,
            f"unknown data set {dataset!r}, and no folder is called so",
            expected=f"one of {', '.join(sorted(DATASETS))}, a folder of images, or a CSV file",
            mend=nearest(dataset, DATASETS),
        )
    raise MissingFileError(
        who,
        f"there is no {dataset}",
        expected="a folder of images with a folder for each class, or a CSV file",
    )


def _unused(folder: Path) -> str:
    """Return the folder's name, with a number where a run lies there already."""
    candidate, number = folder, 1
    while (candidate / "run.json").exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return str(candidate)
