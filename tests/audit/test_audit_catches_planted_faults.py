"""A fault planted in a rule is caught by the auditor under its own name."""

from __future__ import annotations

import msgspec
import pytest
from worlds import as_table

from agents.simulation import begin
from events import Batch
from events.commands.leases import AcceptQuote, GiveQuote, RequestLease
from events.commands.training import StartTraining
from events.terms import LeaseTerms
from events.types.chips import GpusInstalled, ShipmentDelivered
from events.types.leases import GpusHandedOver, LeaseSigned, QuoteGiven
from events.types.training import TrainingFinished, TrainingStarted
from market import week
from market.analytics.audit import audit
from market.rules import allocation, books, chips, finance, handover, quotes, sites, training
from market.rules.base import Happening
from market.rules.free import free_gpus


@pytest.fixture
def world(frontier):
    """A world of its own, five weeks old."""
    model = begin(frontier, 0)
    for _ in range(5):
        model.step()
    return model


def findings(world):
    """What the auditor finds in a world's log: rule names."""
    return {finding.rule for finding in audit(as_table(list(world.kernel.log.entries())).lazy())}


def end_week(world):
    world.kernel.clear()
    world.kernel.close()


def step(world, weeks=5):
    for _ in range(weeks):
        world.step()


def replaced(old, new):
    """The week with one rule in place of another."""
    assert old in [each.rule for each in week.WEEK]
    return tuple(each._replace(rule=new) if each.rule is old else each for each in week.WEEK)


def talk(world, lessor, lessees, chip, site, gpus, parent=None, days=364):
    """Let lessees ask a lessor, be quoted and accept, within one week; give back the events of the last answers."""
    kernel, start = world.kernel, world.kernel.day
    answers = []
    for lessee in lessees:
        asked = RequestLease(
            actor=lessee, because=lessee, lessor=lessor, h100e=float(gpus), due_day=start + 30, duration_days=days,
            price_usd_per_h100e_hour=9.0, kind="serving",
        )  # fmt: skip
        request = kernel.answer(asked)[0]
        quoted = GiveQuote(
            actor=lessor, because=request.request_id, request_id=request.request_id, parent_lease_id=parent,
            terms=LeaseTerms(
                chip=chip, site=site, gpus=gpus, start_day=start, end_day=start + days, price_usd_per_gpu_hour=2.0
            ),
        )  # fmt: skip
        quote = kernel.answer(quoted)[0]
        assert isinstance(quote, QuoteGiven), quote
        answers += kernel.answer(AcceptQuote(actor=lessee, because=quote.quote_id, quote_id=quote.quote_id))
    return answers


def largest_owned(world, role="cloud"):
    """A cloud's largest holding of its own GPUs at a site of its own."""
    state = world.state
    own = [
        h for h in state.chips.holdings.values()
        if role in state.run.orgs[h.org].roles and state.sites.sites[h.site].owner == h.org
    ]  # fmt: skip
    return max(own, key=lambda h: (free_gpus(state, h.org, h.chip, h.site), h.org))


def labs(world, but=()):
    busy = {(r.lessee, r.lessor) for r in world.state.leases.requests.values()}
    return [
        name for name, org in world.state.run.orgs.items()
        if "lab" in org.roles and name not in but and not any(name == a for a, _ in busy)
    ]  # fmt: skip


def test_a_world_without_a_fault_passes(world):
    assert findings(world) == set()


def test_gpus_quoted_twice_are_caught_as_a_double_sale(world, monkeypatch):
    h = largest_owned(world)
    free = free_gpus(world.state, h.org, h.chip, h.site)
    world.kernel.clock(world.state.run.week + 1)
    monkeypatch.setattr(quotes, "free_gpus", lambda *place: 10**9)
    signed = talk(world, h.org, labs(world, but=[h.org])[:2], h.chip, h.site, free)
    assert [type(event) for event in signed] == [LeaseSigned, LeaseSigned]
    end_week(world)
    assert findings(world) == {"double sale"}


def test_gpus_handed_over_twice_are_caught_as_a_double_sale(world, monkeypatch):
    def hand_over_all(state, day):
        for lease in state.leases.leases.values():
            if lease.owed and lease.start_day <= day:
                event = GpusHandedOver(
                    lease_id=lease.lease_id,
                    lessor=lease.lessor,
                    lessee=lease.lessee,
                    chip=lease.chip,
                    site=lease.site,
                    gpus=lease.owed,
                )
                yield Happening(day, event, lease.lessor, lease.lease_id)

    monkeypatch.setattr(week, "WEEK", replaced(handover.hand_over, hand_over_all))
    monkeypatch.setattr(quotes, "free_gpus", lambda *place: 10**9)
    h = largest_owned(world)
    world.kernel.clock(world.state.run.week + 1)
    talk(world, h.org, labs(world, but=[h.org])[:2], h.chip, h.site, h.held)
    end_week(world)
    assert "double sale" in findings(world)


def test_a_sublease_of_more_than_is_held_is_caught(world, monkeypatch):
    parent = max(
        (x for x in world.state.leases.leases.values() if "cloud" in world.state.run.orgs[x.lessee].roles),
        key=lambda x: (x.delivered, x.lease_id),
    )
    world.kernel.clock(world.state.run.week + 1)
    monkeypatch.setattr(quotes, "_sublease_fault", lambda *_: "")
    tenant = labs(world, but=[parent.lessee])[:1]
    talk(world, parent.lessee, tenant, parent.chip, parent.site, parent.gpus + 1, parent.lease_id, days=56)
    end_week(world)
    assert "sublease" in findings(world)


def test_a_sublease_that_outlasts_its_parent_is_caught(world, monkeypatch):
    parent = max(
        (x for x in world.state.leases.leases.values() if "cloud" in world.state.run.orgs[x.lessee].roles),
        key=lambda x: (x.delivered, x.lease_id),
    )
    world.kernel.clock(world.state.run.week + 1)
    monkeypatch.setattr(quotes, "_sublease_fault", lambda *_: "")
    tenant = labs(world, but=[parent.lessee])[:1]
    talk(world, parent.lessee, tenant, parent.chip, parent.site, 8, parent.lease_id, days=5000)
    assert findings(world) == {"sublease"}


def test_gpus_installed_beyond_energised_power_are_caught(world, monkeypatch):
    def install_all(state, day):
        sites = {site.owner: site.name for site in state.sites.sites.values()}
        for org, store in state.chips.warehouse.items():
            for chip, gpus in store.items():
                watts = round(state.chips.chips[chip].power_kw_it_per_gpu * 1000)
                event = GpusInstalled(
                    org=org, site=sites[org], chip=chip, gpus=gpus, power_kw_it=-(-gpus * watts // 1000)
                )
                yield Happening(day, event, org, sites[org])

    monkeypatch.setattr(week, "WEEK", replaced(allocation.install, install_all))
    step(world, 12)
    assert findings(world) == {"power"}


def _with_rows(monkeypatch, change):
    """Let the monthly payments pass through `change`, row by row as (payer, payee, cents, kind, contract)."""
    monthly = finance.monthly

    def changed(state, day):
        batch = monthly(state, day)
        rows = change(list(zip(*batch.columns.values(), strict=True)))
        columns = dict(zip(batch.columns, map(list, zip(*rows, strict=True)), strict=True))
        causes = [payer if cause.endswith("/999") else cause for payer, *_, cause in rows]  # a cause must be known
        return Batch(batch.kind, columns, columns["org"], causes)

    monkeypatch.setattr(week, "WEEK", replaced(monthly, changed))


def test_money_from_an_account_that_is_none_is_caught(world, monkeypatch):
    _with_rows(monkeypatch, lambda rows: [*rows, ("world/mint", "xai", 10**12, "revenue", "xai")])
    step(world)
    assert {"cash", "contract"} <= findings(world)


def test_revenue_that_no_customer_owes_is_caught(world, monkeypatch):
    _with_rows(monkeypatch, lambda rows: [*rows, ("world/customers", "xai", 10**12, "revenue", "xai")])
    step(world)
    assert findings(world) == {"cash"}


def test_money_that_the_world_gives_away_is_caught(world, monkeypatch):
    _with_rows(monkeypatch, lambda rows: [*rows, ("world/customers", "xai", 10**12, "gift", "xai")])
    step(world)
    assert findings(world) == {"cash"}


def test_a_payment_without_a_contract_is_caught(world, monkeypatch):
    _with_rows(monkeypatch, lambda rows: [*rows, ("openai", "coreweave", 100, "rent", "openai/lease/999")])
    step(world)
    assert "contract" in findings(world)


def test_rent_that_goes_to_a_stranger_is_caught(world, monkeypatch):
    def divert(rows):
        at = next(i for i, row in enumerate(rows) if row[3] == "rent")
        payer, _, cents, kind, contract = rows[at]
        return [*rows[:at], (payer, "nvidia", cents, kind, contract), *rows[at + 1 :]]

    _with_rows(monkeypatch, divert)
    step(world)
    assert findings(world) == {"contract"}


def test_rent_that_is_forgotten_is_caught(world, monkeypatch):
    _with_rows(monkeypatch, lambda rows: [row for row in rows if row[3] != "rent"])
    step(world)
    assert findings(world) == {"rent"}


def test_training_beyond_the_gpus_held_is_caught(world, monkeypatch):
    held = [h for h in world.state.chips.holdings.values() if h.held > 1000 and h.chip == "H100"]
    busy = {run.org for run in world.state.training.runs.values()}
    h = next(h for h in held if "lab" in world.state.run.orgs[h.org].roles and h.org not in busy)
    monkeypatch.setattr(training, "held", lambda *place: 10**9)
    monkeypatch.setattr(week, "WEEK", tuple(s for s in week.WEEK if s.rule is not training.replan))
    world.kernel.clock(world.state.run.week + 1)
    ask = StartTraining(actor=h.org, because=h.org, site=h.site, chip=h.chip, gpus=h.held + 10_000, flop=1e25)
    assert type(world.kernel.answer(ask)[0]).__name__ == "TrainingStarted"
    end_week(world)
    assert findings(world) == {"training"}


def test_a_shipment_that_never_arrives_is_caught(world, monkeypatch):
    lost = min(world.state.chips.shipments.values(), key=lambda s: (s.due_day, s.shipment_id)).shipment_id

    def without_one(state, first, last):
        for happening in chips.due(state, first, last):
            if not (isinstance(happening.event, ShipmentDelivered) and happening.event.shipment_id == lost):
                yield happening

    monkeypatch.setattr(week, "WEEK", replaced(chips.due, without_one))
    step(world, 4)
    assert findings(world) == {"shipments"}


def test_chips_that_are_allocated_and_never_sent_are_caught(world, monkeypatch):
    ship = allocation.ship
    monkeypatch.setattr(allocation, "ship", lambda state, allocated, day: ship(state, allocated[1:], day))
    step(world, 1)
    assert {"shipments", "payments"} == findings(world)


def test_a_clearing_that_says_other_than_was_allotted_is_caught(world, monkeypatch):
    honest = books.chips_cleared

    def boasts(chip, of, found):
        event = honest(chip, of, found)
        return msgspec.structs.replace(event, gpus=event.gpus + 1)

    monkeypatch.setattr(books, "chips_cleared", boasts)
    step(world, 1)
    assert findings(world) == {"clearing"}


def test_chips_that_were_never_made_are_caught(world, monkeypatch):
    honest = books.chip_book

    def dreams(state, name, waiting):
        of = honest(state, name, waiting)
        return of._replace(lots=tuple(lot._replace(units=10**9) for lot in of.lots))

    monkeypatch.setattr(books, "chip_book", dreams)
    step(world, 1)
    assert findings(world) == {"output", "clearing"}


def test_a_building_used_before_its_shell_stands_is_caught(world, monkeypatch):
    energise = sites.energise

    def too_soon(state, day):
        for building in state.sites.buildings.values():
            building.shell_ready = True
        return list(energise(state, day))

    monkeypatch.setattr(week, "WEEK", replaced(sites.energise, too_soon))
    step(world, 1)
    assert findings(world) == {"buildings"}


def forged(world, kind, **fields):
    """What the auditor finds when the log says something else of every event of a type."""
    entries = [
        msgspec.structs.replace(entry, event=msgspec.structs.replace(entry.event, **fields))
        if type(entry.event) is kind else entry
        for entry in world.kernel.log.entries()
    ]  # fmt: skip
    return {finding.what for finding in audit(as_table(entries).lazy())}


def test_a_run_that_ends_sooner_than_its_gpus_can_is_caught(world):
    assert any(type(entry.event) is TrainingFinished for entry in world.kernel.log.entries())
    assert any("FLOP where its GPUs give" in what for what in forged(world, TrainingStarted, gpus=1))


def test_a_lease_that_begins_before_it_is_signed_is_caught(world):
    step(world, 8)
    assert any(type(e.event) is LeaseSigned and e.event.quote_id for e in world.kernel.log.entries())
    early = forged(world, LeaseSigned, start_day=world.state.run.start_day - 1)
    assert any("before it is signed" in what for what in early)
