"""The kernel's steps: what is levied on what a week does by itself, when months come, when the log is told."""

from __future__ import annotations

import pytest
from given import CLOUD, LAB, START, opening
from kernel.test_the_walk import NoHooks, small, told, week

from events import MemoryLog
from events.commands import Choice, Terms
from events.commands.chips import PlaceOrder
from events.types.demand import ShareMeasured
from events.types.finance import PaymentMade
from events.types.leases import OnDemandRented, PriceMoved
from events.types.policy import CommandForbidden, LevyCharged, PolicyEnacted
from events.types.run import OptionChosen, RunEnded, WeekClosed
from events.types.training import FrontierMeasured
from market.kernel import Kernel, replay
from market.rules.base import Happening
from market.state import State


class Taxed(NoHooks):
    """A cent on every event of one type."""

    def __init__(self, kind):
        self.kind = kind

    def levy(self, state, events, day):
        for event in events:
            if isinstance(event, self.kind):
                charge = LevyCharged(policy="rule", org=LAB, amount_usd_cents=1, contract_id=LAB)
                yield Happening(day, charge, LAB, LAB)


class Told(MemoryLog):
    """A log that notes when it is told that a week or the run is over."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def close_week(self):
        self.calls.append(("week", self.next_seq))
        super().close_week()

    def finish(self):
        self.calls.append(("end", self.next_seq))
        super().finish()


@pytest.mark.parametrize("kind", [OnDemandRented, PaymentMade, FrontierMeasured, PriceMoved, WeekClosed])
def test_what_a_week_does_by_itself_is_levied_too_batches_included_and_its_close_is_not(kind):
    kernel = small(Taxed(kind))
    for _ in range(4):
        week(kernel)
    taxed = [e for e in told(kernel, kind) if e.day > START]
    assert taxed
    assert len([e for e in told(kernel, LevyCharged) if e.day > START]) == (0 if kind is WeekClosed else len(taxed))


def test_what_comes_every_month_comes_in_its_last_week():
    kernel = small()
    for _ in range(8):
        week(kernel)
    assert sorted({e.day for e in told(kernel, ShareMeasured) if e.day > START}) == [START + 27, START + 55]


def test_the_log_is_told_of_the_start_of_every_week_and_of_the_end():
    kernel = Kernel(Told())
    kernel.begin((START, event) for event in opening())
    ends = [kernel.log.next_seq]
    for _ in range(2):
        week(kernel)
        ends.append(kernel.log.next_seq)
    kernel.end()
    assert kernel.log.calls == [*(("week", seq) for seq in ends), ("end", kernel.log.next_seq)]


@pytest.mark.parametrize("weeks", [0, 1, 3])
def test_a_run_ends_on_the_last_day_of_its_last_week_or_on_its_first_day(weeks):
    kernel = small()
    for _ in range(weeks):
        week(kernel)
    kernel.end("end")
    (ended,) = told(kernel, RunEnded)
    assert (ended.day, ended.event.week, ended.event.reason) == (START + max(0, 7 * weeks - 1), weeks - 1, "end")


def test_what_is_recorded_counts_on_from_the_state_and_day_that_are_there():
    kernel = small()
    week(kernel)
    again = Kernel(MemoryLog())
    for _, again.state in replay(kernel.log.entries()):
        pass
    assert again.day == 0
    again.clock(1)
    assert again.day == START + 13
    fresh = Kernel(MemoryLog(), state=(state := State()))
    assert fresh.state is state


def test_a_note_of_a_permit_is_caused_by_its_policy_and_the_next_by_the_note():
    class Permit(NoHooks):
        def permit(self, state, command, day):
            used = LevyCharged(policy="rule", org=command.actor, amount_usd_cents=1, contract_id=LAB)
            paid = PaymentMade(
                org=command.actor, counterparty="world/treasury", amount_usd_cents=1, kind="levy", contract_id=LAB
            )
            return [used, paid]

    kernel = small(Permit())
    kernel.record(START, PolicyEnacted(policy="rule", kind="A rule"), "world", None)
    kernel.clock(0)
    events = kernel.answer(PlaceOrder(actor=LAB, because=LAB, chip="H100", gpus=5))
    (enacted,) = told(kernel, PolicyEnacted)
    (charged,) = told(kernel, LevyCharged)
    paid = [e for e in told(kernel, PaymentMade) if e.event.kind == "levy"]
    assert charged.cause_seq == enacted.seq
    assert [e.cause_seq for e in paid] == [charged.seq]
    assert [type(event).__name__ for event in events] == ["OrderPlaced"]
    assert not told(kernel, CommandForbidden)
    assert kernel.state.finance.ledger.accounts[CLOUD] == small().state.finance.ledger.accounts[CLOUD]


def test_the_terms_of_a_decision_are_recorded_to_nine_digits_after_the_point():
    kernel = small()
    why = Choice("order", Terms("H100", term_price=0.12345678949, term_time=-1 / 3))
    week(kernel, PlaceOrder(actor=LAB, because="H100", why=why, chip="H100", gpus=5))
    (chosen,) = told(kernel, OptionChosen)
    assert (chosen.event.term_price, chosen.event.term_time) == (0.123456789, -0.333333333)
