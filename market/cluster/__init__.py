"""How fast a cluster trains: from GPUs, links and power to days, dollars and loss. NumPy only.

>>> from market.cluster import answer
>>> answer("H100", 16384, "llama-3.1-405b")["fits"]
True
"""

from market.cluster.answer import Question, answer, ask, best_plans, breakdown
from market.cluster.case import Case
from market.cluster.chips import CHIP_NAMES, CHIPS, Chip, chip, load_chip
from market.cluster.configs import load_config, read_config
from market.cluster.evaluate import Answers, evaluate, evaluate_chunks
from market.cluster.grid import answer_grid
from market.cluster.models import MODELS, Model, dense_of, mixture_of, model
from market.cluster.parallelism import Fixed
from market.cluster.readable import readable
from market.cluster.scaling import capability, loss, training_days
from market.cluster.serve import answer_serving, serving_rates
from market.cluster.serve_rows import answer_serving_grid
from market.cluster.stack import Stack
from market.cluster.tables import ClusterError
from market.cluster.together import mixed, power_curve, reinforcement_gpu_hours
from market.cluster.weekly import Choices, plan_for_budget, weekly_choices

__all__ = [
    "CHIPS", "CHIP_NAMES", "MODELS", "Answers", "Case", "Chip", "Choices", "ClusterError", "Fixed", "Model",
    "Question", "Stack", "answer", "answer_grid", "answer_serving", "answer_serving_grid", "ask", "best_plans",
    "breakdown", "capability", "chip", "dense_of", "evaluate", "evaluate_chunks", "load_chip", "load_config", "loss",
    "mixed", "mixture_of", "model", "plan_for_budget", "power_curve", "read_config", "readable",
    "reinforcement_gpu_hours", "serving_rates", "training_days", "weekly_choices",
]  # fmt: skip
