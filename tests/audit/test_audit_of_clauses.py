"""A clause that is not kept is caught by the auditor, and one that is kept is not."""

from __future__ import annotations

import pytest
from given import CLOUD, LAB, RIVAL, SITE, START, handed, lease, opening
from worlds import as_table

from events import MemoryLog
from events.commands.clauses import AssignLease, ExerciseOption, TakeAssignment
from events.types import clauses as events
from events.types.estates import LeaseAssigned
from events.types.finance import PaymentMade
from events.types.leases import LeaseEnded
from market.analytics.audit import audit
from market.kernel import Kernel
from market.rules import clauses

NAME = "lab/lease/1"


def world(given_gpus=1_000, deposit=0, gpus=1_000, **terms):
    """A kernel at its first day, with a lease of the lab's on the clauses given."""
    signed = lease(gpus=gpus, **terms)
    kernel = Kernel(MemoryLog())
    begun = [*opening(), signed, handed(signed, given_gpus)]
    begun += [
        PaymentMade(org="world/savers", counterparty=RIVAL, amount_usd_cents=10**12, kind="opening", contract_id=RIVAL)
    ]
    begun += [clauses.paid(LAB, CLOUD, deposit, "deposit", NAME)] if deposit else []
    kernel.begin((START, event) for event in begun)
    kernel.clock(0)
    return kernel


def weeks(kernel, count):
    for _ in range(count):
        kernel.clear()
        kernel.close()
        kernel.clock(kernel.state.run.week + 1)
    return kernel


def findings(kernel):
    kernel.clear()
    kernel.close()
    return {finding.rule for finding in audit(as_table(list(kernel.log.entries())).lazy())}


def say(kernel, event):
    kernel.record(kernel.day, event, LAB, NAME)
    return kernel


def ended(reason, gpus=1_000):
    return LeaseEnded(lease_id=NAME, lessor=CLOUD, lessee=LAB, chip="H100", site=SITE, gpus=gpus, reason=reason)


DEPOSIT = 1_000 * 30 * 24 * 250  # cents of 30 days


def test_clauses_that_are_kept_are_no_finding():
    kernel = world(400, DEPOSIT, deposit_days=30, rebate_share=0.2, step_share=0.1, renew_days=60, end_day=START + 370,
                   expand_gpus=100, expand_days=9, assigning="free")  # fmt: skip
    kernel.answer(ExerciseOption(actor=LAB, because=NAME, lease_id=NAME, kind="expand", gpus=100))
    kernel.answer(ExerciseOption(actor=LAB, because=NAME, lease_id=NAME, kind="renew"))
    weeks(kernel, 20)
    kernel.answer(AssignLease(actor=LAB, because=NAME, lease_id=NAME, assignee=RIVAL))
    kernel.answer(TakeAssignment(actor=RIVAL, because=NAME, lease_id=NAME))
    weeks(kernel, 45)
    kinds = {type(entry.event).__name__ for entry in kernel.log.entries()}
    assert {"OptionExercised", "LeaseRenewed", "RentStepped", "LeaseAssigned", "LeaseEnded"} <= kinds
    assert findings(kernel) == set()


def test_a_rent_that_steps_without_its_clause_is_caught():
    kernel = weeks(world(step_share=0.1, end_day=START + 900), 53)
    before = kernel.state.leases.leases[NAME].price_usd_per_gpu_hour
    wrong = events.RentStepped(
        lease_id=NAME, lessor=CLOUD, lessee=LAB, price_usd_per_gpu_hour=2 * before, amount_usd_cents=0
    )
    assert "clauses" in findings(say(kernel, wrong))


@pytest.mark.parametrize(
    ("chip", "dearer", "work", "is_wrong"),
    [
        ("A100", 0.3, None, True), ("H100", 1.01, 1.0, True), ("H100", 1.0, 1.0, False),
        ("A100", 1.0, 0.3, False), ("A100", 1.1, 0.3, True),
    ],
)  # fmt: skip
def test_a_renewal_at_another_price_than_the_index_times_the_work_of_its_chip_is_caught(chip, dearer, work, is_wrong):
    kernel = world(given_gpus=0, chip=chip, renew_days=60, renew_price="index", end_day=START + 7)
    kernel.answer(ExerciseOption(actor=LAB, because=NAME, lease_id=NAME, kind="renew"))
    index = kernel.state.leases.price_usd_per_h100e_hour
    renewed = events.LeaseRenewed(
        lease_id=NAME, lessor=CLOUD, lessee=LAB, end_day=START + 67, amount_usd_cents=0, work_h100e=work,
        price_usd_per_gpu_hour=dearer * index * (work or 1.0),
    )  # fmt: skip
    kernel.clear()
    kernel.close()
    kernel.clock(1)
    assert ("clauses" in findings(say(kernel, renewed))) == is_wrong


@pytest.mark.parametrize(("share", "found"), [(0.0, set()), (0.15, {"rent"})])
def test_a_renewed_term_whose_rent_is_cut_by_what_was_prepaid_of_the_one_before_is_caught(share, found):
    kernel = world(prepaid_share=0.15, renew_days=60, end_day=START + 28)
    kernel.answer(ExerciseOption(actor=LAB, because=NAME, lease_id=NAME, kind="renew"))
    weeks(kernel, 5)
    kernel.state.leases.leases[NAME].prepaid_share = share
    assert findings(weeks(kernel, 4)) == found


def test_a_renewal_that_nobody_asked_for_is_caught():
    wrong = events.LeaseRenewed(
        lease_id=NAME, lessor=CLOUD, lessee=LAB, end_day=START + 900, price_usd_per_gpu_hour=2.5, amount_usd_cents=0
    )
    assert "clauses" in findings(say(world(renew_days=60), wrong))


def test_more_than_an_option_gives_is_caught():
    wrong = events.OptionExercised(
        lease_id=NAME, lessor=CLOUD, lessee=LAB, kind="expand", gpus=101, start_day=START, end_day=START + 364
    )
    assert "clauses" in findings(say(world(expand_gpus=100, expand_days=9), wrong))


@pytest.mark.parametrize(
    ("paid", "back", "reason", "is_wrong"),
    [
        (DEPOSIT, 0, "terminated", False), (DEPOSIT, DEPOSIT, "term", False), (DEPOSIT, 0, "term", True),
        (DEPOSIT, DEPOSIT, "terminated", True), (DEPOSIT // 2, DEPOSIT // 2, "term", True),
    ],
)  # fmt: skip
def test_a_deposit_that_is_short_kept_or_returned_against_its_clause_is_caught(paid, back, reason, is_wrong):
    kernel = world(deposit=paid, deposit_days=30, exit_share=0.0)
    if back:
        say(kernel, clauses.paid(CLOUD, LAB, back, "deposit back", NAME))
    assert ("clauses" in findings(say(kernel, ended(reason)))) == is_wrong


def test_a_rebate_that_is_not_paid_or_not_due_is_caught(monkeypatch):
    late = PaymentMade(org=CLOUD, counterparty=LAB, amount_usd_cents=5, kind="late rebate", contract_id=NAME)
    assert "clauses" in findings(say(weeks(world(rebate_share=0.2), 2), late))
    assert findings(weeks(world(10_000, gpus=12_000, rebate_share=0.2), 3)) == set()
    monkeypatch.setattr(clauses, "_rebate_cents", lambda terms, gpus: 1)
    assert findings(weeks(world(10_000, gpus=12_000, rebate_share=0.2), 3)) == {"clauses"}


def test_prepaid_rent_of_days_without_gpus_that_is_not_returned_is_caught(monkeypatch):
    assert findings(weeks(world(10_000, gpus=12_000, prepaid_share=0.2), 3)) == set()
    monkeypatch.setattr(clauses, "_days_of_week", lambda day, first, last: 1)
    assert findings(weeks(world(10_000, gpus=12_000, prepaid_share=0.2), 3)) == {"clauses"}


def test_a_lease_that_passes_to_whom_it_may_not_is_caught():
    moved = LeaseAssigned(lease_id=NAME, org=LAB, counterparty=RIVAL, kind="lessee", chip="H100", site=SITE, gpus=1_000)
    assert "clauses" in findings(say(world(), moved))


@pytest.mark.parametrize("reason", ["cross default", "walked away"])
def test_an_end_that_no_clause_allows_is_caught(reason):
    assert "clauses" in findings(say(world(cross_default=True, walk_days=9), ended(reason)))
