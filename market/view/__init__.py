"""What one org may know: readings of the week, public, its own and, for those who fund others, what they are told.

Every value handed out is frozen, and nothing that can be reached from a view changes the state. Own events stay with
their org, events between parties with the parties (`Event.sees`).
"""

from __future__ import annotations

from market.rules.machines import Machine
from market.rules.permits import GIVEN, Permission
from market.state.chips import Holding, Order
from market.state.contracts import Contract
from market.state.finance import Books
from market.state.leases import Lease, Letter, Quote, Request
from market.state.run import Org
from market.state.sites import Building, Site
from market.state.training import Lab, Project, TrainingRun
from market.view.base import NotVisible
from market.view.investor import InvestorView
from market.view.records import Chip, LabSeen, Lot, Round
from market.view.shared import Shared


class MarketView(InvestorView):
    """The week as one org may know it."""

    __slots__ = ()


__all__ = [
    "GIVEN", "Books", "Building", "Chip", "Contract", "Holding", "Lab", "LabSeen", "Lease", "Letter", "Lot", "Machine",
    "MarketView", "NotVisible", "Order", "Org", "Permission", "Project", "Quote", "Request", "Round", "Shared", "Site",
    "TrainingRun",
]  # fmt: skip
