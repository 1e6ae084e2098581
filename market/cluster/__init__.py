"""How fast a cluster trains: from GPUs, links and power to days, dollars and loss. NumPy only."""

from market.cluster.chips import CHIP_NAMES, CHIPS, Chip, chip
from market.cluster.models import MODELS, Model, dense_of, model
from market.cluster.scaling import capability, loss, training_days
from market.cluster.tables import ClusterError

__all__ = [
    "CHIPS", "CHIP_NAMES", "MODELS", "Chip", "ClusterError", "Model",
    "capability", "chip", "dense_of", "loss", "model", "training_days",
]  # fmt: skip
