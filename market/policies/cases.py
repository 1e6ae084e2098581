"""Which tests of a condition a command or event can ever pass, read from what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from events.commands import COMMANDS
from events.terms import LeaseTerms
from events.types import EVENTS
from market.state.leases import Quote, Request

_QUOTED = ("quote_id", "request_id", "lease_id")
# a test, and the fields of which one must be there; `+` joins what is needed together
_FOLLOWS: dict[str, tuple[str, ...]] = {
    "counterparty": ("counterparty", "lessor", "lessee", "supplier", "lender", "chip"),
    "supplier": ("supplier", "chip"),
    "tpp": ("chip",),
    "h100e": ("h100e", "chip+gpus"),
    "region": ("region", "site", "contract_id"),
    "mwh": ("site", "contract_id"),
    "power_mw_it": ("power_kw_it",),
    "amount_usd": (
        "amount_usd_cents", "gpus+price_usd_per_gpu", "gpus+price_usd_per_gpu_hour+duration_days",
        "gpus+price_usd_per_gpu_hour+start_day+end_day", "start_day+power_kw_it+on_site_power",
    ),
    "duration_days": ("duration_days", "start_day+end_day"),
    "sublease": ("parent_lease_id",),
}  # fmt: skip
_WITH = {"counterparty_role": "counterparty", "counterparty_country": "counterparty", "region_country": "region"}
_ALWAYS = frozenset({"org", "role", "country", "commands"})


@cache
def testable(name: str) -> frozenset[str]:
    """Tests and quantities that a command or event can have a value for."""
    kind = COMMANDS.get(name) or EVENTS[name]
    has = set(kind.__struct_fields__)
    if name in COMMANDS and has & {*_QUOTED, "terms"}:
        has |= {*LeaseTerms.__struct_fields__, *Quote.__struct_fields__, *Request.__struct_fields__}
    if name in COMMANDS and "building_id" in has:
        has |= {"site", "region", "kind"}  # of the building, or of the permit of its plant
    found = has | _ALWAYS
    found |= {test for test, ways in _FOLLOWS.items() if any(has >= set(way.split("+")) for way in ways)}
    return frozenset(found | {test for test, needs in _WITH.items() if needs in found})


def never(names: Iterable[str], test: str) -> bool:
    """Whether none of the commands or events named can have a value for a test."""
    return not any(test in testable(name) for name in names)
