"""Whatever orgs ask for: an answer with a reason, a state that holds, and a log that the auditor accepts.

The commands drawn here are the same in every test run. Others, as many as wanted:

    python tests/kernel/test_random_commands.py 500
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from given import (
    CHINESE,
    CLOUD,
    FIELD,
    FUND,
    LAB,
    OEM,
    ORGS,
    RESELLER,
    RIVAL,
    SITE,
    START,
    SUPPLIER,
    invariants,
    opening,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from worlds import as_table

from events import MemoryLog
from events.commands import (
    COMMANDS,
    chips,
    clauses,
    contracts,
    entry,
    estates,
    finance,
    leases,
    sites,
    training,
    vendors,
)
from events.kinds import OptionKind
from events.terms import LeaseTerms
from events.types.chips import FleetRegistered
from events.types.finance import PaymentMade
from events.types.leases import GpusHandedOver, LeaseSigned, QuoteGiven
from events.types.run import ParameterSet
from market.analytics.audit import audit
from market.kernel import Kernel
from market.rules.insolvency import forced_by

orgs = st.sampled_from([LAB, RIVAL, CLOUD, RESELLER, SUPPLIER, OEM, FUND, "chinese-lab"])
others = st.sampled_from([*ORGS, "nobody"])
chip_names = st.sampled_from(["H100", "GB200", "A100", "H20", "TPU v5p", "B9000"])
site_names = st.sampled_from([SITE, FIELD, "lab/site/1", "nowhere"])
counts = st.one_of(st.integers(-5, 20_000), st.just(0), st.integers(-(10**9), 10**9))
amounts = st.one_of(st.integers(-5, 10**13), st.integers(-(10**15), 10**15))
numbers = st.one_of(st.floats(0.01, 1e6), st.floats())
days = st.integers(START - 100, START + 2000)
lengths = st.integers(-10, 2000)
kinds = st.sampled_from(["frontier", "serving", "capacity", "internal", "gift"])
building_ids = st.sampled_from(["field/building/1", "field/building/2", "hall/building/1", "nowhere/building/1"])
building_kinds = st.sampled_from(["next", "brownfield", "greenfield"])


CLAUSES = st.fixed_dictionaries({
    "exit_share": st.sampled_from([0.0, 0.3]), "walk_days": st.sampled_from([0, 14]),
    "renew_days": st.sampled_from([0, 28, 200]), "renew_price": st.sampled_from(["fixed", "index"]),
    "expand_gpus": st.integers(0, 3_000), "expand_days": st.sampled_from([0, 60]),
    "step_share": st.sampled_from([0.0, 0.05]), "deposit_days": st.sampled_from([0, 30]),
    "rebate_share": st.sampled_from([0.0, 0.5]), "cross_default": st.booleans(),
    "assigning": st.sampled_from(["never", "consent", "free"]),
    "subleasing": st.sampled_from(["free", "free", "consent", "never"]),
})  # fmt: skip


def an_id(family):
    return st.builds("{}/{}/{}".format, orgs, st.just(family), st.integers(1, 3))


COMMON = {"actor": orgs, "because": st.sampled_from(list(ORGS))}
ASKS = {
    chips.PlaceOrder: {"chip": chip_names, "gpus": counts},
    chips.CancelOrder: {"order_id": an_id("order"), "gpus": counts},
    contracts.CancelContract: {"contract_id": an_id("contract")},
    contracts.TerminateLease: {"lease_id": an_id("lease")},
    contracts.ShedCapacity: {"lease_id": an_id("lease"), "gpus": counts},
    clauses.ExerciseOption: {"lease_id": an_id("lease"), "kind": st.sampled_from(get_args(OptionKind)), "gpus": counts},
    clauses.GiveConsent: {"lease_id": an_id("lease"), "kind": st.sampled_from(["assign", "sublease"])},
    clauses.AssignLease: {"lease_id": an_id("lease"), "assignee": others},
    clauses.TakeAssignment: {"lease_id": an_id("lease")},
    chips.ListPrice: {"chip": chip_names, "price_usd_per_gpu": numbers},
    chips.ExpandIntegration: {"gpus": counts},
    sites.PlanSite: {
        "region": st.sampled_from(["texas", "beijing", "atlantis"]),
        "kind": building_kinds,
        "power_kw_it": counts,
        "on_site_power": st.booleans(),
    },
    sites.StartBuilding: {
        "site": site_names,
        "kind": building_kinds,
        "power_kw_it": counts,
        "on_site_power": st.booleans(),
    },
    sites.PauseBuilding: {"building_id": building_ids},
    sites.ResumeBuilding: {"building_id": building_ids},
    sites.RenewPermit: {"building_id": building_ids},
    sites.ConnectToGrid: {"building_id": building_ids},
    leases.RequestLease: {
        "lessor": others,
        "h100e": numbers,
        "due_day": days,
        "duration_days": lengths,
        "price_usd_per_h100e_hour": numbers,
        "kind": kinds,
    },
    leases.CounterQuote: {
        "quote_id": an_id("quote"),
        "clause": st.sampled_from(["price", "date", "site", "term", "hold", "luck"]),
        "terms": st.builds(
            LeaseTerms,
            chip=chip_names,
            site=site_names,
            gpus=counts,
            start_day=days,
            end_day=days,
            price_usd_per_gpu_hour=numbers,
            region=st.sampled_from(["texas", "beijing", "atlantis", ""]),
        ),
    },
    leases.AcceptQuote: {"quote_id": an_id("quote")},
    leases.BreakTalks: {"request_id": an_id("request"), "reason": st.just("price")},
    leases.SignLetter: {"lessor": others, "h100e": numbers, "due_day": days},
    training.SetSplit: {"share": numbers},
    training.ProposeProject: {"h100e": numbers, "work_h100e_weeks": numbers, "worth": numbers},
    training.StartTraining: {
        "site": site_names,
        "chip": chip_names,
        "gpus": counts,
        "flop": st.one_of(st.floats(1e22, 1e25), numbers),
    },
    training.AdoptPlan: {"h100e": numbers, "due_day": days, "reason": st.just("run")},
    finance.SetBudget: {"value": numbers, "reason": st.just("plan")},
    finance.SeekRound: {"amount_usd_cents": amounts},
    finance.FundRound: {"org": others, "amount_usd_cents": amounts, "valuation_usd_cents": amounts},
    finance.DeclineRound: {"org": others, "reason": st.just("market closed")},
    finance.SeekLoan: {"lender": others, "amount_usd_cents": amounts},
    entry.FoundOrg: {
        "org": st.sampled_from(["newcomer", LAB, "No Name", "sub"]),
        "role": st.sampled_from(["lab", "cloud", "supplier", "investor"]),
        "country": st.sampled_from(["US", "XX"]),
        "behaviour": st.sampled_from(["lab", "cloud", "investor", "gifted"]),
        "amount_usd_cents": amounts,
        "valuation_usd_cents": amounts,
        "budget_usd_per_year": numbers,
        "subsidiary": st.booleans(),
    },
    entry.WindUp: {"org": others},
    vendors.GrantWarrants: {"org": others, "gpus": counts, "amount_usd_cents": amounts, "end_day": days},
    estates.BidForLot: {"lot_id": an_id("lot"), "amount_usd_cents": amounts},
}


def beginning(agreed):
    """The small world with a lease that can be passed on, and money for all."""
    yield from opening()
    yield FleetRegistered(org=CLOUD, site=SITE, chip="GB200", gpus=500, power_kw_it=1_000)
    parent = LeaseSigned(
        lease_id="reseller/lease/1",
        parent_lease_id=None,
        quote_id=None,
        lessor=CLOUD,
        lessee=RESELLER,
        chip="H100",
        site=SITE,
        gpus=2_000,
        start_day=START,
        end_day=START + 900,
        price_usd_per_gpu_hour=2.0,
        kind="capacity",
        depth=1,
        **agreed,
    )
    yield parent
    yield GpusHandedOver(lease_id=parent.lease_id, lessor=CLOUD, lessee=RESELLER, chip="H100", site=SITE, gpus=2_000)
    for org in (RIVAL, RESELLER, "chinese-lab"):
        yield PaymentMade(
            org="world/savers", counterparty=org, amount_usd_cents=10**12, kind="opening", contract_id=org
        )
    cents = 2_000 * 2 * 24 * 100 * parent.deposit_days
    if cents:
        yield PaymentMade(
            org=RESELLER, counterparty=CLOUD, amount_usd_cents=cents, kind="deposit", contract_id=parent.lease_id
        )


class Asking(RuleBasedStateMachine):
    """Random commands in random weeks."""

    @initialize(agreed=CLAUSES)
    def begin(self, agreed):
        self.kernel = Kernel(MemoryLog())
        self.kernel.begin((START, event) for event in beginning(agreed))
        self.kernel.clock(0)

    def answered(self, command):
        events = self.kernel.answer(command)
        assert events
        assert all(getattr(event, "reason", "why") for event in events)
        return events

    @rule(command=st.one_of(st.builds(kind, **COMMON, **fields) for kind, fields in ASKS.items()))
    def ask(self, command):
        self.answered(command)

    @rule(
        pick=st.integers(0, 50), chip=chip_names, gpus=counts, start=st.integers(-8, 400), length=st.integers(-1, 900),
        price=numbers, passes_on=st.booleans(), place=st.sampled_from([SITE, FIELD, FIELD, SITE, "nowhere"]),
    )  # fmt: skip
    def quote(self, pick, chip, gpus, start, length, price, passes_on, place):
        """Quote for talks that are open, or for none."""
        requests = list(self.kernel.state.leases.requests.values())
        request = requests[pick % len(requests)] if requests else None
        lessor = request.lessor if request else CLOUD
        parents = [x.lease_id for x in self.kernel.state.leases.leases.values() if x.lessee == lessor]
        parent = parents[pick % len(parents)] if parents and passes_on else None
        if parent and pick % 2:
            chip, place = "H100", SITE
        first = self.kernel.day + start
        request_id = request.request_id if request else "lab/request/1"
        self.answered(
            leases.GiveQuote(
                actor=lessor, because=lessor, request_id=request_id, parent_lease_id=parent,
                terms=LeaseTerms(
                    chip=chip, site=place, gpus=gpus, start_day=first, end_day=first + length,
                    price_usd_per_gpu_hour=price,
                ),
            )
        )  # fmt: skip

    @rule(
        lessee=st.sampled_from([LAB, RIVAL, RESELLER]),
        lessor=st.sampled_from([CLOUD, RESELLER, LAB]),
        gpus=st.integers(1, 9_000),
    )
    def talk(self, lessee, lessor, gpus):
        """Ask for a lease that can well be had."""
        self.answered(
            leases.RequestLease(
                actor=lessee, because=lessee, lessor=lessor, h100e=float(gpus), due_day=START + 90, duration_days=364,
                price_usd_per_h100e_hour=3.0, kind="serving",
            )
        )  # fmt: skip

    @rule(
        pick=st.integers(0, 50), gpus=st.integers(1, 6_000), start=st.integers(0, 300), length=st.integers(30, 500),
        chip=st.sampled_from(["H100", "H100", "GB200"]), agreed=CLAUSES,
    )  # fmt: skip
    def offer(self, pick, gpus, start, length, chip, agreed):
        """Quote what the lessor may well have: its own GPUs, or what it rents."""
        requests = list(self.kernel.state.leases.requests.values())
        if not requests:
            return
        request = requests[pick % len(requests)]
        rented = [x for x in self.kernel.state.leases.leases.values() if x.lessee == request.lessor]
        parent = rented[pick % len(rented)] if rented else None
        first = self.kernel.day + start if parent is None else max(self.kernel.day, parent.start_day)
        given = self.answered(
            leases.GiveQuote(
                actor=request.lessor, because=request.request_id, request_id=request.request_id,
                parent_lease_id=parent.lease_id if parent else None,
                terms=LeaseTerms(
                    chip=parent.chip if parent else chip,
                    site=parent.site if parent else FIELD if request.lessor == LAB else SITE, gpus=gpus,
                    start_day=first, end_day=min(first + length, parent.end_day) if parent else first + length,
                    price_usd_per_gpu_hour=2.0, **agreed,
                ),
            )
        )  # fmt: skip
        for quote in given:
            if pick % 2 and isinstance(quote, QuoteGiven):
                self.answered(leases.AcceptQuote(actor=quote.lessee, because=quote.quote_id, quote_id=quote.quote_id))

    @rule(pick=st.integers(0, 50), gpus=st.integers(1, 6_000), what=st.sampled_from(["cancel", "shed"]))
    def give_up(self, pick, gpus, what):
        """Give back what was rented, or what was contracted."""
        state = self.kernel.state
        rented, open_ones = list(state.leases.leases.values()), list(state.contracts.open.values())
        if what == "shed" and rented:
            lease = rented[pick % len(rented)]
            self.answered(
                contracts.ShedCapacity(
                    actor=lease.lessee, because=lease.lease_id, lease_id=lease.lease_id, gpus=min(gpus, lease.gpus)
                )
            )
        if what == "cancel" and open_ones:
            contract = open_ones[pick % len(open_ones)]
            name = contract.contract_id
            self.answered(contracts.CancelContract(actor=contract.lessee, because=name, contract_id=name))

    @rule(
        pick=st.integers(0, 50), gpus=st.integers(1, 60_000), start=st.integers(1, 300),
        length=st.sampled_from([364, 400, 1800, 6000]), tranches=st.integers(0, 5), prepaid=st.sampled_from([0.0, 0.2]),
        place=st.sampled_from([(SITE, "fixed"), ("", "listed"), ("", "seller"), ("", "fixed")]),
        chip=st.sampled_from(["fixed", "listed", "seller"]), agreed=CLAUSES,
    )  # fmt: skip
    def contract(self, pick, gpus, start, length, tranches, prepaid, place, chip, agreed):
        """Offer capacity that the lessor still has to build, and sign it at times."""
        state = self.kernel.state
        requests = list(state.leases.requests.values())
        if not requests:
            return
        request, first = requests[pick % len(requests)], self.kernel.day + start
        terms = LeaseTerms(
            chip="H100", site=place[0], region="texas", gpus=gpus, start_day=first, end_day=first + length,
            price_usd_per_gpu_hour=2.0, chip_choice=chip, site_choice=place[1], tranches=tranches, ramp_days=90,
            take_or_pay_share=0.8, prepaid_share=prepaid, **agreed,
        )  # fmt: skip
        given = self.answered(
            leases.GiveQuote(
                actor=request.lessor, because=request.request_id, request_id=request.request_id, form="contract",
                terms=terms,
            )
        )  # fmt: skip
        for quote in given or []:
            if pick % 3 and isinstance(quote, QuoteGiven):
                name = quote.quote_id
                self.answered(leases.AcceptQuote(actor=quote.lessee, because=name, quote_id=name))

    @rule(
        pick=st.integers(0, 50), gpus=st.integers(1, 2_000), other=st.sampled_from([RIVAL, RESELLER, CHINESE]),
        what=st.sampled_from(["renew", "expand", "assign", "assign", "consent", "end", "take"]),
    )  # fmt: skip
    def use_a_clause(self, pick, gpus, other, what):
        """Do what a lease may allow."""
        found = list(self.kernel.state.leases.leases.values())
        if not found:
            return
        lease = found[pick % len(found)]
        name = lease.lease_id
        mine, theirs = ({"actor": side, "because": name, "lease_id": name} for side in (lease.lessee, lease.lessor))
        if what in ("renew", "expand"):
            self.answered(clauses.ExerciseOption(**mine, kind=what, gpus=gpus))
        elif what == "assign":
            self.answered(clauses.AssignLease(**mine, assignee=other))
            self.answered(clauses.TakeAssignment(**(mine | {"actor": other})))
        elif what == "consent":
            self.answered(clauses.GiveConsent(**theirs, kind="assign" if pick % 2 else "sublease"))
        elif what == "end":
            self.answered(contracts.TerminateLease(**(mine if pick % 3 else theirs)))
        elif lease.assignee:
            self.answered(clauses.TakeAssignment(**(mine | {"actor": lease.assignee})))

    @rule(what=st.sampled_from(["order", "project", "train", "build", "own plant", "loan"]), size=st.integers(1, 4_000))
    def work(self, what, size):
        """Do what an org does all day."""
        lab, cloud = {"actor": LAB, "because": LAB}, {"actor": CLOUD, "because": CLOUD}
        command = {
            "order": chips.PlaceOrder(**cloud, chip="H100", gpus=size),
            "project": training.ProposeProject(**lab, h100e=size / 4, work_h100e_weeks=size, worth=size),
            "train": training.StartTraining(**lab, site=FIELD, chip="H100", gpus=size, flop=1e20 * size**1.2),
            "build": sites.StartBuilding(**lab, site=FIELD, kind="next", power_kw_it=size),
            "own plant": sites.StartBuilding(**cloud, site=SITE, kind="next", power_kw_it=size, on_site_power=True),
            "loan": finance.SeekLoan(**cloud, lender=FUND, amount_usd_cents=size * 10**6),
        }[what]
        self.answered(command)

    @rule(pick=st.integers(0, 50))
    def accept(self, pick):
        """Take a quote that is open."""
        quotes = list(self.kernel.state.leases.quotes.values())
        if quotes:
            quote = quotes[pick % len(quotes)]
            self.answered(leases.AcceptQuote(actor=quote.lessee, because=quote.quote_id, quote_id=quote.quote_id))

    @rule(org=st.sampled_from([LAB, RIVAL, CLOUD, RESELLER]))
    def fail(self, org):
        """Put an org into default, as a policy would."""
        name, day = forced_by(org), self.kernel.day
        self.kernel.record(day, ParameterSet(parameter=name, value=float(day)), "world", "world")

    @rule(pick=st.integers(0, 50), bidder=orgs, cents=st.integers(1, 10**12))
    def bid(self, pick, bidder, cents):
        """Bid for what an estate offers."""
        lots = [lot for estate in self.kernel.state.finance.estates.values() for lot in estate.lots]
        if lots:
            name = lots[pick % len(lots)]
            self.answered(estates.BidForLot(actor=bidder, because=name, lot_id=name, amount_usd_cents=cents))

    @rule(weeks=st.one_of(st.integers(1, 6), st.integers(20, 30)))
    def let_time_pass(self, weeks):
        for _ in range(weeks):
            self.kernel.clear()
            self.kernel.close()
            self.kernel.clock(self.kernel.state.run.week + 1)

    @invariant()
    def holds(self):
        if hasattr(self, "kernel"):
            invariants(self.kernel.state)

    def teardown(self):
        if hasattr(self, "kernel"):
            self.kernel.clear()
            self.kernel.close()
            entries = list(self.kernel.log.entries())
            assert audit(as_table(entries).lazy()) == []


TestAsking = Asking.TestCase
TestAsking.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_every_command_of_an_org_is_asked_for_here():
    assert {*ASKS, leases.GiveQuote} == set(COMMANDS.values())


if __name__ == "__main__":
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    many = settings(TestAsking.settings, max_examples=examples, derandomize=False)
    run_state_machine_as_test(Asking, settings=many)
