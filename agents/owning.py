"""What it costs an org to own a GPU: capital, energy and running, for an hour of an H100 equivalent."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from market.units import HOURS_PER_YEAR
from market.view import Chip, MarketView


def capital_rate(view: MarketView, is_contracted: bool = False) -> float:
    """What an org's capital costs a year; who borrows on a contract pays lenders' rate on their part of the bill."""
    p = view.param
    if view.trait("income_usd_per_year") > 0:
        return p("means.capital_rate_parent")
    part = p("finance.loan_share") if is_contracted and view.trait("borrows") else 0.0
    return part * p("finance.loan_rate") + (1 - part) * p("means.capital_rate_lab")


class Place(NamedTuple):
    """A region, and the part of the power there that own plant feeds."""

    region: str
    plant_share: float = 0.0


def owning_usd(view: MarketView, bill: float, what: tuple[Chip, int], place: Place, rate: float) -> float:
    """Cost of an hour of an own H100 equivalent: capital as an annuity less what is left, energy, running.

    capital = bill (a - residual s) / hours, a the annuity and s the sinking fund of the life at the capital rate.
    """
    chip, gpus = what
    return hour_usd(bill / (gpus * chip.h100e), capital_share(view, rate), upkeep_usd(view, chip, place))


class Upkeep(NamedTuple):
    """What an hour of an own H100 equivalent costs beside its capital: energy, and running."""

    energy_usd: float
    running_usd: float


def upkeep_usd(view: MarketView, chip: Chip, place: Place) -> Upkeep:
    """What an hour of an H100 equivalent of a chip costs in a place beside its capital."""
    p, (region, part) = view.param, place
    kw = chip.power_kw_it_per_gpu / chip.h100e * view.region_param(region, "pue") * p("energy.load_factor")
    usd_per_mwh = (1 - part) * view.energy_usd_per_mwh(region) if part < 1 else 0.0
    usd_per_mwh += part * view.plant_usd_per_mwh(region) if part else 0.0
    return Upkeep(kw * usd_per_mwh / 1000, p("means.running_usd_per_h100e_hour"))


def hour_usd(bill_usd_per_h100e: float, share: float, upkeep: Upkeep) -> float:
    """Cost of an hour, of a bill of which capital costs that share in a year."""
    return bill_usd_per_h100e * share / HOURS_PER_YEAR + upkeep.energy_usd + upkeep.running_usd


def capital_share(view: MarketView, rate: float) -> float:
    """Part of a bill that capital costs in a year at a rate."""
    return _capital_share(rate, view.param("means.life_years"), view.param("means.residual_share"))


@lru_cache(64)
def _capital_share(rate: float, years: float, residual: float) -> float:
    """Part of a bill that capital costs in a year, less what is put by towards what is left at the end."""
    growth: float = (1 + rate) ** years
    return rate * growth / (growth - 1) - residual * (rate / (growth - 1))
