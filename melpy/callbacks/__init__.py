"""Callbacks: what happens around epochs and batches while a model trains."""

from melpy.callbacks.averages import SwapEMAWeights
from melpy.callbacks.backup import BackupAndRestore
from melpy.callbacks.base import Callback, History, LambdaCallback
from melpy.callbacks.files import CSVLogger, ModelCheckpoint
from melpy.callbacks.pictures import LiveMetrics
from melpy.callbacks.progress import ProgbarLogger
from melpy.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from melpy.callbacks.several import CallbackList
from melpy.callbacks.standing import Standing
from melpy.callbacks.stopping import EarlyStopping, TerminateOnNaN
from melpy.callbacks.tensorboard import TensorBoard
from melpy.callbacks.trials import OptunaPruning

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "LiveMetrics",
    "ModelCheckpoint",
    "OptunaPruning",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "Standing",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
