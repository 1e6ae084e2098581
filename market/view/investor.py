"""What those who fund others are told by them."""

from __future__ import annotations

from market.view.base import NotVisible, shared_of
from market.view.economy import EconomyView
from market.view.records import Round

FUNDERS = frozenset({"investor", "cloud"})  # clouds fund those who buy their compute


class InvestorView(EconomyView):
    """Readings of the rounds that are sought, for investors and for clouds."""

    __slots__ = ()

    def rounds_sought(self) -> tuple[Round, ...]:
        """The rounds that orgs seek, by id of the org."""
        if not FUNDERS & set(self.org.roles):
            raise NotVisible(f"rounds are told to investors, and {self.me} is none")
        return shared_of(self).rounds

    def backs_a_round(self) -> bool:
        """Whether a round is sought by an org into which this one has put most in return for its custom."""
        return self.me in shared_of(self).round_backers
