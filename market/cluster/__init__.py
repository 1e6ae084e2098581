"""How fast a cluster trains: from GPUs, links and power to days, dollars and loss. NumPy only.

>>> from market.cluster import answer
>>> answer("H100", 16384, "llama-3.1-405b")["fits"]
True
"""

from market.cluster.answer import Question, answer, ask, best_plans, breakdown
from market.cluster.case import Case
from market.cluster.chips import CHIP_NAMES, CHIPS, Chip, chip
from market.cluster.evaluate import Answers, evaluate, evaluate_chunks
from market.cluster.grid import answer_grid
from market.cluster.models import MODELS, Model, dense_of, mixture_of, model
from market.cluster.parallelism import Fixed
from market.cluster.readable import readable
from market.cluster.scaling import capability, loss, training_days
from market.cluster.stack import Stack
from market.cluster.tables import ClusterError
from market.cluster.weekly import Choices, plan_for_budget, weekly_choices

__all__ = [
    "CHIPS", "CHIP_NAMES", "MODELS", "Answers", "Case", "Chip", "Choices", "ClusterError", "Fixed", "Model",
    "Question", "Stack", "answer", "answer_grid", "ask", "best_plans", "breakdown", "capability", "chip", "dense_of",
    "evaluate", "evaluate_chunks", "loss", "mixture_of", "model", "plan_for_budget", "readable", "training_days",
    "weekly_choices",
]  # fmt: skip
