"""Training one model by many processes: Keras's names, over MPI.

    melpy.distribution.set_distribution(melpy.distribution.DataParallel())

before the model is made, in a script that ``mpiexec -n 8 python script.py`` runs: `fit`, `evaluate`
and `predict` need no other change.
"""

from melpy.distribution.data_parallel import (
    DataParallel,
    distribution,
    ending_together,
    initialize,
    list_devices,
    set_distribution,
)

__all__ = [
    "DataParallel", "distribution", "ending_together", "initialize", "list_devices",
    "set_distribution",
]  # fmt: skip
