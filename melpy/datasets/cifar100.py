"""CIFAR-100: small colour photographs of a hundred kinds of things, in twenty groups."""

from __future__ import annotations

import numpy as np

from melpy.datasets import files, formats
from melpy.errors import lookup

__all__ = ["CLASS_NAMES", "COARSE_CLASS_NAMES", "DESCRIPTION", "NAME", "load_data"]

NAME = "cifar-100"
_FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse
mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy
porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper
snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television
tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
_COARSE = """
aquatic_mammals fish flowers food_containers fruit_and_vegetables
household_electrical_devices household_furniture insects large_carnivores
large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores
medium_mammals non-insect_invertebrates people reptiles small_mammals trees vehicles_1
vehicles_2
"""
CLASS_NAMES = tuple(_FINE.split())
COARSE_CLASS_NAMES = tuple(_COARSE.split())
DESCRIPTION = (
    "60,000 photographs of 100 classes, 32x32 colour (Krizhevsky 2009; licence not stated)"
)
LABEL_COLUMNS = {"coarse": 0, "fine": 1}  # the order of the two label bytes of a record


def load_data(
    label_mode: str = "fine",
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return CIFAR-100: 50,000 training and 10,000 test images of 100 classes in 20 groups.

    Parameters
    ----------
    label_mode : "fine" for the 100 classes, ``CLASS_NAMES``, or "coarse" for the 20 groups,
        ``COARSE_CLASS_NAMES``

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : uint8 (N, 32, 32, 3), red, green, blue; y : uint8 (N, 1)

    Raises
    ------
    UnknownNameError : ``label_mode`` is neither
    DownloadError : the archive is missing and no host gave it
    DataError : a file on this machine is damaged

    Notes
    -----
    Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data(label_mode="coarse")  # doctest: +SKIP
    >>> x_train.shape, y_train.shape  # doctest: +SKIP
    ((50000, 32, 32, 3), (50000, 1))
    """
    column = lookup("label mode", label_mode, LABEL_COLUMNS, "cifar100.load_data")
    classes = (len(COARSE_CLASS_NAMES), len(CLASS_NAMES))
    (x_train, y_train), (x_test, y_test) = (
        formats.parse_cifar(data, classes) for data in files.read(files.TABLE[NAME][0])
    )
    chosen = slice(column, column + 1)  # a slice keeps the axis: (N,1), as in Keras
    return (x_train, y_train[:, chosen].copy()), (x_test, y_test[:, chosen].copy())
