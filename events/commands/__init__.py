"""Commands, imperative, by family: what orgs may ask for."""

from __future__ import annotations

from events.commands import chips, clauses, contracts, entry, estates, finance, leases, sites, training, vendors
from events.commands.base import Choice, Command, Terms
from events.commands.check import fault

FAMILIES = {
    "chips": chips,
    "sites": sites,
    "leases": leases,
    "contracts": contracts,
    "clauses": clauses,
    "training": training,
    "finance": finance,
    "estates": estates,
    "entry": entry,
    "vendors": vendors,
}

COMMANDS: dict[str, type[Command]] = {
    name: kind
    for module in FAMILIES.values()
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Command) and kind is not Command
}

__all__ = ["COMMANDS", "FAMILIES", "Choice", "Command", "Terms", "fault", *FAMILIES]
