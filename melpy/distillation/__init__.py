"""Knowledge distillation: a small student learns from a large teacher that is trained already."""

from melpy.distillation.distiller import Distiller
from melpy.distillation.losses import DistillationLoss, FeatureDistillation, LogitsDistillation

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]
