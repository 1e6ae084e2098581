"""A view of a few plain facts, for tests of what an org reckons from them: what a test does not give cannot be read.

seen = Seen({"labs.cash_years": 2.0}, cash_cents=10**12)
near_limit_usd(seen, lab(revenue_usd_per_year=1e9))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, SimpleNamespace
from typing import Any

from given import ROUND, START, catalogue

from market.rng import Draws
from market.view import Chip, MarketView

ME = "me"
H100 = Chip("H100", "nvidia", START - 600, START + 900, 25_000.0, 1.4, 1.0, "all", True, False, 1_000, 0, 10.0)
GB200 = Chip("GB200", "nvidia", START + 100, START + 1_800, 40_000.0, 2.0, 2.5, "all", False, False, 0, 0, 0.0)
A100 = Chip("A100", "amd", START - 900, START + 20, 10_000.0, 0.8, 0.3, "all", True, False, 500, 0, 4.0)


class Seen:
    """Facts by the names of a view's attributes; of a method the answer, or a function that gives it."""

    def __init__(
        self, params: Mapping[str, float] | None = None, traits: Mapping[str, Any] | None = None, **facts: Any
    ) -> None:
        assert not (wrong := [name for name in facts if not hasattr(MarketView, name)]), wrong
        self._params, self._traits = {**catalogue(), **ROUND, **(params or {})}, traits or {}
        self._facts = {"me": ME, "day": START, "week": 0, "is_regulated": False, "draws": Draws(0, ME, 0), **facts}

    def param(self, name: str) -> float:
        return self._params[name]

    def trait(self, name: str, default: float = 0.0) -> Any:
        return self._traits.get(name, default)

    def chip(self, name: str) -> Chip:
        chips = self._facts.get("chips", (H100, GB200, A100))
        return next(chip for chip in chips if chip.name == name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._facts:
            raise AttributeError(f"the test says nothing of {name}")
        fact = self._facts[name]
        is_method = isinstance(getattr(MarketView, name), FunctionType)
        return (lambda *_, **__: fact) if is_method and not callable(fact) else fact


def some(**values: Callable[[], Any] | Any) -> Any:
    """A record of which a test needs these fields alone."""
    return SimpleNamespace(**values)


def lab(**values: float | str) -> Any:
    """A lab as it sees itself."""
    own = {"revenue_usd_per_year": 0.0, "demand_usd_per_year": 0.0, "best_model": "", "wanted_h100e": 0.0}
    return some(**{**own, **values})


def rented(**values: Any) -> Any:
    """A lease of H100 for a year from today, handed over in full."""
    terms = {
        "lease_id": "me/lease/1", "lessor": "cloud", "lessee": ME, "chip": "H100", "gpus": 100, "owed": 0,
        "delivered": 100, "subleased": 0, "start_day": START, "last_day": START + 364, "end_day": START + 364,
        "price_usd_per_gpu_hour": 2.0, "kind": "serving", "parent_lease_id": None, "depth": 1, "site": "hall",
    }  # fmt: skip
    return some(**{**terms, **values})


def signed(*tranches: tuple[int, int], **values: Any) -> Any:
    """A contract of which these GPUs come from these days on."""
    schedule = tuple(some(gpus=gpus, start_day=day) for gpus, day in tranches)
    terms = {
        "contract_id": "me/contract/1", "lessor": "cloud", "lessee": ME, "chip": "H100", "schedule": schedule,
        "undrawn": sum(gpus for gpus, _ in tranches), "price_usd_per_gpu_hour": 2.0, "kind": "frontier", "site": "",
        "region": "texas", "start_day": min((day for _, day in tranches), default=START),
    }  # fmt: skip
    return some(**{**terms, **values})


def held(chip: str = "H100", owned: int = 0, **values: Any) -> Any:
    """GPUs of a chip at a site."""
    return some(**{"chip": chip, "site": "hall", "owned": owned, "held": owned, **values})


def nothing(**facts: Any) -> dict[str, Any]:
    """Facts of an org that has neither leases nor chips nor money, and these."""
    none = {
        "rented": (), "let": (), "contracts": (), "holdings": (), "orders": (), "warehouse": {}, "coming": {},
        "sites": (), "buildings": (), "cash_cents": 0, "monthly_rent_cents": 0, "monthly_kept_cents": 0,
        "monthly_let_cents": 0, "undelivered_usd": 0.0, "owed_gpus": {},
        "bond_room_cents": 0, "duty_cents": 0, "parent_of": None, "pending_kw": 0.0, "income_usd_per_year": 0.0,
        "queued_plant": frozenset(),
        "books": some(sought_cents=0, round_day=-10**6, valuation_cents=0, budget_usd_per_year=0.0),
    }  # fmt: skip
    return {**none, **facts}
