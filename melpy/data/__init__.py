"""Arrays on their way into a model: checked once, cut into batches, prepared ahead of time."""

from melpy.data.classes import class_weights
from melpy.data.dataset import Dataset
from melpy.data.kinds import source_of
from melpy.data.loader import Loader
from melpy.data.py_dataset import PyDataset
from melpy.data.samples import Samples, batches, checked
from melpy.data.shards import Shards
from melpy.data.source import Source, packed, unpacked

__all__ = [
    "Dataset",
    "Loader",
    "PyDataset",
    "Samples",
    "Shards",
    "Source",
    "batches",
    "checked",
    "class_weights",
    "packed",
    "source_of",
    "unpacked",
]
