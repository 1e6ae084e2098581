"""Facts, past tense, by family. `FACTS` maps every type name to its class."""

from __future__ import annotations

from events.facts import chips, finance, leases, policy, run, sites, training
from events.facts.base import Batch, Entry, Fact

FAMILIES = {
    "run": run,
    "chips": chips,
    "sites": sites,
    "leases": leases,
    "training": training,
    "finance": finance,
    "policy": policy,
}

FACTS: dict[str, type[Fact]] = {
    name: kind
    for module in FAMILIES.values()
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
}

__all__ = ["FACTS", "FAMILIES", "Batch", "Entry", "Fact", *FAMILIES]
