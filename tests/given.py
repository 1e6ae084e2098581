"""A small world for tests of rules: events in, a state out, and commands answered as the kernel would.

    world = given()                              # one lab, two clouds, a supplier, an OEM, an investor, a Chinese lab
    world.happened(OrderPlaced(...))             # given
    (event,) = world.when(PlaceOrder(...))        # when: the events are applied too
    assert event == ...                           # then

Parameters are the catalogue's, but for those that tests reckon with, which are round numbers here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from events.commands import Command
from events.rows import Rows
from events.types import Batch, Event
from events.types import chips as c
from events.types import demand as dm
from events.types import finance as f
from events.types import leases as le
from events.types import run as r
from events.types import sites as s
from events.types import training as t
from market.evolve import evolve
from market.rules import decide
from market.rules import demand as d
from market.rules.base import Happening
from market.state import State
from market.state.demand import TAIL

START = 19919  # 2024-07-15
YEAR = 364

LAB, RIVAL, CLOUD, RESELLER, SUPPLIER, OEM, FUND, CHINESE = (
    "lab", "rival", "cloud", "reseller", "nvidia", "oem", "fund", "chinese-lab",
)  # fmt: skip
ORGS = {
    LAB: ("lab", "US", None),
    RIVAL: ("lab", "US", None),
    CLOUD: ("cloud", "US", None),
    RESELLER: ("cloud", "US", None),
    SUPPLIER: ("supplier", "US", None),
    "google": ("supplier", "US", "cloud"),
    OEM: ("oem", "US", None),
    FUND: ("investor", "US", None),
    CHINESE: ("lab", "CN", None),
    "rest": ("rest", "US", None),
}
SITE, FIELD = "hall", "field"  # the cloud's site, and the lab's
ROUND = {
    "trade.export_controls": 1.0,
    "supply.slots_per_week": 1000.0,
    "supply.china_share": 0.25,
    "supply.ramp_lag_weeks": 0.0,
    "supply.ramp_width_weeks": 10.0,
    "supply.stock_weeks_max": 4.0,
    "orders.ahead_days": 180.0,
    "orders.lead_time_patience_weeks": 8.0,
    "allocation.powered_weight": 0.5,
    "allocation.prepaid_weight": 0.5,
    "shipping.weeks": 4.0,
    "shipping.server_cost_share": 0.1,
    "fleet.retire_per_year": 0.08,
    "build.shell_usd_per_kw": 1000.0,
    "build.cash_share": 0.25,
    "chains.depth_max": 3.0,
    "split.inference_min": 0.1,
    "split.inference_max": 0.6,
    "labs.run_days_max": 180.0,
    "labs.release_lag_weeks": 8.0,
    "labs.refresh_weeks": 26.0,
    "finance.loan_years": 5.0,
    "finance.loan_rate": 0.1,
    "finance.coverage_min": 1.2,
    "finance.default_cash_share": -0.25,
    "finance.round_answer_weeks": 8.0,
    "finance.revenue_margin": 1.0,
    "finance.spend_burn": 1.5,
    "finance.rounds_growth_per_year": 0.0,
    "demand.frontier_start": 1.5,
    "orgs.cloud.merchant_share": 0.5,
    "regions.texas.queue_days": 500.0,
    "regions.texas.grid_mw_per_year": 500.0,
    "regions.texas.pue": 1.25,
    "regions.texas.energy_usd_per_mwh": 50.0,
    "regions.texas.gas_usd_per_mmbtu": 3.0,
    "regions.beijing.queue_days": 500.0,
    "regions.beijing.grid_mw_per_year": 500.0,
    "regions.beijing.pue": 1.25,
    "regions.beijing.energy_usd_per_mwh": 50.0,
    "regions.beijing.gas_usd_per_mmbtu": 3.0,
}
CHIPS = {  # supplier, start, end, price, kW, H100e, buyers, slots a GPU
    "A100": (SUPPLIER, -1500, 20, 10_000.0, 0.8, 0.32, "all", 1.0),
    "H100": (SUPPLIER, -600, 900, 25_000.0, 1.4, 1.0, "all", 1.0),
    "H20": (SUPPLIER, -100, 900, 12_000.0, 1.0, 0.15, "china", 1.0),
    "GB200": (SUPPLIER, 100, 1800, 40_000.0, 2.0, 2.5, "all", 2.0),
    "TPU v5p": ("google", -200, 900, 8_000.0, 0.8, 0.46, "own", 0.0),
}


@cache
def catalogue() -> dict[str, float]:
    """Parameters of the default world."""
    from market.scenario.load import load_scenario

    return dict(load_scenario("frontier-2024", {}).scenario.parameters)


def opening(**parameters: float) -> Iterable[Event]:
    """Events of the small world's start."""
    yield r.RunStarted(kind="small", seed=7, start_day=START, end_day=START + 3 * YEAR)
    values = {**catalogue(), **ROUND, **{name.replace("__", "."): value for name, value in parameters.items()}}
    for name, (_, _, _, _, _, _, _, slots) in CHIPS.items():
        own = 0.0 if slots else 100.0
        values |= {f"chips.{name}.slots_per_gpu": slots, f"chips.{name}.gpus_per_week": own,
                   f"chips.{name}.growth_per_year": 0.0, f"chips.{name}.price_change_per_year": 0.0}  # fmt: skip
    for segment in d.SEGMENTS:
        values |= {f"demand.{segment}_threshold": 1.0, f"demand.{segment}_pull": 1.0}
        values |= {f"orgs.{org}.appeal_{segment}": 0.0 for org in (LAB, RIVAL)}
    for name, value in values.items():
        yield r.ParameterSet(parameter=name, value=float(value))
    for name, (role, country, parent) in ORGS.items():
        yield r.OrgRegistered(org=name, role=role, country=country, kind=role, parent_org=parent)
    yield c.IntegrationExpanded(org=OEM, gpus=10_000)
    yield r.RegionRegistered(region="texas", country="US")
    yield r.RegionRegistered(region="beijing", country="CN")
    for name, (supplier, first, last, price, kw, h100e, buyers, _) in CHIPS.items():
        yield c.ChipAnnounced(
            chip=name,
            supplier=supplier,
            start_day=START + first,
            end_day=START + last,
            price_usd_per_gpu=price,
            power_kw_it_per_gpu=kw,
            h100e=h100e,
            kind=buyers,
        )
        if first <= 0:
            yield c.VolumeReached(chip=name, supplier=supplier)
    for site, owner in ((SITE, CLOUD), (FIELD, LAB)):
        yield s.SitePlanned(site=site, org=owner, region="texas", kind="brownfield", power_kw_it=50_000, due_day=START)
        yield s.PowerEnergised(
            building_id=f"{site}/building/0",
            site=site,
            org=owner,
            region="texas",
            kind="standing",
            power_kw_it=20_000,
            power_kw_facility=25_000,
        )
    yield c.FleetRegistered(org=CLOUD, site=SITE, chip="H100", gpus=10_000, power_kw_it=14_000)
    yield c.FleetRegistered(org=LAB, site=FIELD, chip="H100", gpus=4_000, power_kw_it=5_600)
    yield f.PaymentMade(org="world/savers", counterparty=LAB, amount_usd_cents=10**12, kind="opening", contract_id=LAB)
    yield f.PaymentMade(
        org="world/savers", counterparty=CLOUD, amount_usd_cents=10**12, kind="opening", contract_id=CLOUD
    )
    yield f.PaymentMade(
        org="world/savers", counterparty=FUND, amount_usd_cents=10**12, kind="opening", contract_id=FUND
    )
    yield le.PriceMoved(price_usd_per_h100e_hour=2.5, spot_usd_per_h100e_hour=3.4, tightness=1.1, lead_time_weeks=10.0)
    yield dm.MarketCleared(
        clearing_usd_per_h100e_hour=3.0,
        reference_usd_per_h100e_hour=3.0,
        cost_usd_per_h100e_hour=1.5,
        h100e=14_000.0,
        supply_h100e=14_000.0,
    )
    yield dm.UseMeasured(org=TAIL, usd_per_year=13.14e7, growth_per_year=0.5, h100e=5000.0)
    yield dm.UseMeasured(org=CLOUD, usd_per_year=7.884e7, growth_per_year=0.5, h100e=3000.0)
    yield t.ModelReleased(
        model="old", org=LAB, flop=1e25, effective_flop=1e25, capability=1.5, kind="frontier", start_day=START - 50
    )
    yield t.FrontierMeasured(capability=1.5)
    yield t.ComputeSplitSet(org=LAB, share=0.25)
    yield t.ResearchersMeasured(org=LAB, researchers=100.0, h100e=0.0)
    yield t.ServingMeasured(org=LAB, revenue_usd_per_year=1e9, value=1e9, h100e=0.0, tokens_per_s=0.0)
    for segment in d.SEGMENTS:
        yield dm.SegmentMeasured(segment=segment, usd_per_year=5e8, market_usd_per_year=2e9)
        yield dm.ShareMeasured(org=LAB, segment=segment, share=2 / 3)
        yield dm.ShareMeasured(org=RIVAL, segment=segment, share=1 / 3)


@dataclass
class World:
    """A state with a day."""

    state: State = field(default_factory=State)
    day: int = START

    def happened(self, *events: Event) -> World:
        """Apply events."""
        for event in events:
            evolve(self.state, event, self.day)
        return self

    def when(self, command: Command) -> list[Event]:
        """Answer a command and apply the answer."""
        events = decide(self.state, command, self.day)
        self.happened(*events)
        return events

    def after(self, step: Iterable[Happening | Batch | None] | Batch | None) -> list[Event]:
        """Apply what a step of the week yields; give back its events."""
        events: list[Event] = []
        for outcome in [step] if isinstance(step, Batch) or step is None else list(step):
            events += spread(outcome)
        self.happened(*events)
        return events

    def close_weeks(self, weeks: int = 1) -> World:
        """Let weeks pass in which nothing happens."""
        for _ in range(weeks):
            week = self.state.run.week + 1
            self.day = START + 7 * week + 6
            self.happened(r.WeekClosed(week=week, state_hash=""))
        return self


def spread(outcome: Happening | Batch | None) -> list[Event]:
    """The events of an outcome, one by one."""
    if outcome is None:
        return []
    if isinstance(outcome, Batch):
        n = len(outcome)
        rows = Rows(outcome.kind, 0, 0, outcome.actor, [0] * n, [0] * n, outcome.columns)
        return [entry.event for entry in rows.entries()]
    return [outcome.event]


def given(**parameters: float) -> World:
    """A small world at its start; parameters by name with __ for a dot."""
    return World().happened(*opening(**parameters))


def lease(lessee: str = LAB, lessor: str = CLOUD, gpus: int = 1000, **terms: object) -> le.LeaseSigned:
    """A lease of H100 at the cloud's site from today, for a year, without a quote."""
    values: dict[str, object] = {
        "lease_id": f"{lessee}/lease/1", "parent_lease_id": None, "quote_id": None, "lessor": lessor, "lessee": lessee,
        "chip": "H100", "site": SITE, "gpus": gpus, "start_day": START, "end_day": START + YEAR,
        "price_usd_per_gpu_hour": 2.5, "kind": "frontier", "depth": 1,
    }  # fmt: skip
    return le.LeaseSigned(**{**values, **terms})  # type: ignore[arg-type]


def handed(signed: le.LeaseSigned, gpus: int | None = None) -> le.GpusHandedOver:
    """The GPUs of a lease pass over."""
    return le.GpusHandedOver(
        lease_id=signed.lease_id,
        lessor=signed.lessor,
        lessee=signed.lessee,
        chip=signed.chip,
        site=signed.site,
        gpus=signed.gpus if gpus is None else gpus,
    )


def invariants(state: State) -> None:
    """What is true of every state."""
    assert sum(state.finance.ledger.accounts.values()) == 0
    for h in state.chips.holdings.values():
        assert min(h.owned, h.leased_in, h.leased_out, h.held) >= 0, h
    for chip in state.chips.chips.values():
        assert chip.stock_gpus >= 0
        assert chip.backlog_gpus == sum(o.gpus for o in state.chips.orders.values() if o.chip == chip.name)
    assert all(order.gpus > 0 for order in state.chips.orders.values())
    assert all(gpus > 0 for store in state.chips.warehouse.values() for gpus in store.values())
    assert all(site.spare_w >= 0 for site in state.sites.sites.values())
    for one in state.leases.leases.values():
        below = [x for x in state.leases.leases.values() if x.parent_lease_id == one.lease_id]
        quoted = sum(q.gpus for q in state.leases.quotes.values() if q.parent_lease_id == one.lease_id)
        assert 0 <= one.delivered <= one.gpus
        assert one.subleased == sum(x.gpus for x in below) <= one.gpus - quoted
        assert sum(x.delivered for x in below) <= one.delivered
    for quote in state.leases.quotes.values():
        assert state.leases.requests[quote.request_id].lessee == quote.lessee
