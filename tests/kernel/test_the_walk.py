"""The walk of a run: causes, order, replay, going on from a replayed state, draws."""

from __future__ import annotations

import copy
from collections import defaultdict

import msgspec
import pytest
from given import CLOUD, FUND, LAB, OEM, RIVAL, START, opening
from worlds import simulate

from agents.simulation import Simulation
from events import MemoryLog
from events.commands import Choice, Terms
from events.commands.chips import PlaceOrder
from events.commands.finance import SeekRound
from events.types import Batch
from events.types.chips import OrderPlaced, OrderRefused
from events.types.finance import PaymentMade
from events.types.leases import OnDemandRented
from events.types.policy import CommandForbidden, LevyCharged, PolicyEnacted, QuotaUsed, ReportFiled
from events.types.run import (
    ExogenousShock,
    OptionChosen,
    OptionRejected,
    ParameterSet,
    RunEnded,
    RunStarted,
    WeekClosed,
)
from market import rng
from market.kernel import Kernel, ReplayMismatch, UnknownCause, replay
from market.rules.base import Happening
from market.rules.permits import GIVEN
from market.state import State, state_hash


class NoHooks:
    """Policies that do nothing."""

    def calendar(self, state, first, last):
        return []

    def permit(self, state, command, day):
        return []

    def levy(self, state, events, day):
        return []

    def may(self, state, command, day, today):
        return GIVEN

    def owed_usd(self, state, name, case, day, today):
        return 0.0


def small(hooks=None):
    """A kernel in which the small world of the tests of rules has begun."""
    kernel = Kernel(MemoryLog(), hooks)
    kernel.begin((START, event) for event in opening())
    return kernel


def told(kernel, *kinds):
    return [entry for entry in kernel.log.entries() if isinstance(entry.event, kinds)]


def week(kernel, *commands):
    kernel.clock(kernel.state.run.week + 1)
    asked = defaultdict(list)
    for command in commands:
        asked[command.actor].append(command)
    kernel.decide(asked)
    kernel.clear()
    return kernel.close()


# --- causes and order


def test_every_event_has_a_cause_that_leads_to_a_root_that_may_be_one(short_run):
    entries = short_run.entries
    assert isinstance(entries[0].event, RunStarted)
    is_start = True
    for entry in entries:
        if entry.cause_seq < 0:
            assert is_start or isinstance(entry.event, PolicyEnacted | ExogenousShock), entry
            assert entry.root_seq == entry.seq
            continue
        is_start = False
        cause = entries[entry.cause_seq]
        assert cause.seq < entry.seq
        assert cause.root_seq == entry.root_seq
        assert not isinstance(cause.event, WeekClosed | RunEnded)
    assert not is_start


def test_days_never_fall_and_weeks_close_on_their_last_day(short_run):
    days = [entry.day for entry in short_run.entries]
    assert days == sorted(days)
    closed = [(e.event.week, e.day) for e in short_run.entries if isinstance(e.event, WeekClosed)]
    assert closed == [(n, days[0] + 7 * n + 6) for n in range(26)]


def test_an_event_is_caused_by_what_it_answers():
    kernel = small()
    week(kernel, PlaceOrder(actor=LAB, because="H100", chip="H100", gpus=5))
    (order,) = [e for e in told(kernel, OrderPlaced) if e.event.order_id == "lab/order/1"]
    entries = list(kernel.log.entries())
    assert getattr(entries[order.cause_seq].event, "chip", "") == "H100"


def test_a_cause_that_nothing_was_said_about_is_an_error():
    kernel = small()
    kernel.clock(0)
    with pytest.raises(UnknownCause, match=r"OrderPlaced names 'no such thing' as its cause"):
        kernel.answer(PlaceOrder(actor=LAB, because="no such thing", chip="H100", gpus=5))
    rented = Batch(OnDemandRented, {name: [1] for name in OnDemandRented.__struct_fields__}, [CLOUD], ["nothing"])
    with pytest.raises(UnknownCause, match=r"OnDemandRented names 'nothing'"):
        kernel.record_batch(kernel.day, rented)


def test_a_command_that_the_rules_refuse_takes_nothing_from_a_quota_and_is_not_reported():
    class Counting(NoHooks):
        def permit(self, state, command, day):
            return [
                QuotaUsed(policy="H100", org=LAB, kind="permit 0", value=float(command.gpus)),
                ReportFiled(org=LAB, policy="H100", kind="PlaceOrder", reason="large order", value=1.0),
            ]

    kernel = small(Counting())
    week(kernel, PlaceOrder(actor=LAB, because="H100", chip="B9000", gpus=5))
    assert told(kernel, OrderRefused)
    assert told(kernel, QuotaUsed, ReportFiled) == []
    week(kernel, PlaceOrder(actor=LAB, because="H100", chip="H100", gpus=5))
    told_now = [type(e.event) for e in told(kernel, QuotaUsed, ReportFiled, OrderPlaced)]
    assert told_now[-3:] == [QuotaUsed, ReportFiled, OrderPlaced]
    assert kernel.state.run.quotas == {"H100": {"permit 0": 5.0}}


def test_rows_of_a_batch_change_the_state_as_events_one_by_one_do():
    payments = [
        (LAB, CLOUD, 700, "rent", "none"),
        (CLOUD, RIVAL, 40, "chips", "none"),
        (LAB, FUND, 5, "instalment", "none"),
    ]
    whole, single = small(), small()
    names = PaymentMade.__struct_fields__
    columns = {name: list(values) for name, values in zip(names, zip(*payments, strict=True), strict=True)}
    assert whole.record_batch(START, Batch(PaymentMade, columns, columns["org"], [LAB] * 3)) == []
    for row in payments:
        single.record(START, PaymentMade(**dict(zip(names, row, strict=True))), row[0], LAB)
    assert state_hash(whole.state) == state_hash(single.state)
    assert whole.state.trail == single.state.trail
    assert list(whole.log.entries()) == list(single.log.entries())


def test_the_terms_of_a_decision_stand_before_its_events_and_cause_them():
    kernel = small()
    why = Choice("order", Terms("H100", term_price=1.0), (Terms("GB200", term_time=-1.0),))
    week(kernel, PlaceOrder(actor=LAB, because="H100", why=why, chip="H100", gpus=5))
    rejected, chosen = told(kernel, OptionChosen, OptionRejected)
    (order,) = [e for e in told(kernel, OrderPlaced) if e.event.order_id == "lab/order/1"]
    assert (rejected.event.option, chosen.event.option) == ("GB200", "H100")
    assert rejected.seq < chosen.seq == order.cause_seq
    assert order.root_seq == chosen.root_seq
    assert why.chosen.score == 1.0


def test_commands_are_answered_in_an_order_that_only_seed_and_week_decide():
    asks = [PlaceOrder(actor=org, because=org, chip="H100", gpus=5) for org in (LAB, RIVAL, CLOUD, OEM, FUND)]
    orders = []
    for commands in (asks, asks[::-1]):
        kernel = small()
        week(kernel, *commands)
        orders.append([e.actor for e in told(kernel, OrderPlaced) if e.day == START + 6])
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == sorted(ask.actor for ask in asks)


def test_an_org_is_answered_in_the_order_in_which_it_asked():
    kernel = small()
    week(kernel, *(PlaceOrder(actor=LAB, because=LAB, chip="H100", gpus=n) for n in (3, 1, 2)))
    assert [e.event.gpus for e in told(kernel, OrderPlaced) if e.actor == LAB and e.day > START] == [3, 1, 2]


# --- policies at the kernel's three hooks


def test_a_forbidden_command_is_an_event_and_nothing_else_comes_of_it():
    class Forbid(NoHooks):
        def permit(self, state, command, day):
            return [CommandForbidden(org=command.actor, policy="rule", kind=type(command).__name__, reason="no")]

    kernel = small(Forbid())
    kernel.record(START, PolicyEnacted(policy="rule", kind="A rule"), "world", None)
    kernel.clock(0)
    (event,) = kernel.answer(PlaceOrder(actor=LAB, because=LAB, chip="H100", gpus=5))
    assert isinstance(event, CommandForbidden)
    assert not [e for e in told(kernel, OrderPlaced) if e.day > START]


def test_what_is_levied_is_recorded_behind_the_event():
    class Tax(NoHooks):
        def levy(self, state, events, day):
            for event in events:
                if isinstance(event, OrderPlaced):
                    yield Happening(
                        day,
                        LevyCharged(policy="rule", org=event.org, amount_usd_cents=5, contract_id=event.order_id),
                        event.org,
                        event.order_id,
                    )
                    payment = PaymentMade(
                        org=event.org,
                        counterparty="world/treasury",
                        amount_usd_cents=5,
                        kind="levy",
                        contract_id=event.order_id,
                    )
                    yield Happening(day, payment, event.org, event.order_id)

    kernel = small(Tax())
    week(kernel, PlaceOrder(actor=LAB, because=LAB, chip="H100", gpus=5))
    orders = told(kernel, OrderPlaced)  # those of the start are levied too
    assert kernel.state.finance.ledger.accounts["world/treasury"] == 5 * len(orders) > 0
    charge, order = told(kernel, LevyCharged)[-1], told(kernel, OrderPlaced)[-1]
    assert order.seq < charge.seq


def test_what_policies_begin_stands_in_the_order_of_days():
    class Begin(NoHooks):
        def calendar(self, state, first, last):
            if not state.run.policies:
                yield Happening(first + 2, PolicyEnacted(policy="rule", kind="A rule"), "world", "")
                yield Happening(first + 2, ParameterSet(parameter="shipping.weeks", value=1.0), "world", "rule")

    kernel = small(Begin())
    week(kernel)
    (enacted,) = told(kernel, PolicyEnacted)
    changed = told(kernel, ParameterSet)[-1]
    assert (enacted.cause_seq, enacted.root_seq, enacted.day) == (-1, enacted.seq, START + 2)
    assert (changed.cause_seq, changed.root_seq) == (enacted.seq, enacted.seq)
    days = [e.day for e in kernel.log.entries()]
    assert days == sorted(days)


# --- replay


def test_replay_gives_the_state_of_every_week(short_run):
    weeks = []
    for entry, state in replay(short_run.entries):
        weeks.append(entry.event.week)
        last = state
    assert weeks == list(range(26))
    assert state_hash(last) == state_hash(short_run.kernel.state)
    assert last.trail == short_run.kernel.state.trail


def test_a_replay_that_does_not_go_on_holds_the_same_state_and_no_trail(short_run):
    *_, (_, last) = replay(short_run.entries, trail=False)
    assert state_hash(last) == state_hash(short_run.kernel.state)
    assert last.trail == State().trail


def test_replay_notices_one_event_that_is_not_what_it_was(short_run):
    entries = list(short_run.entries)
    at = next(i for i, e in enumerate(entries) if isinstance(e.event, PaymentMade) and e.day > entries[0].day)
    forged = msgspec.structs.replace(entries[at].event, amount_usd_cents=entries[at].event.amount_usd_cents + 1)
    entries[at] = msgspec.structs.replace(entries[at], event=forged)
    week_of_it = (entries[at].day - entries[0].day) // 7
    with pytest.raises(ReplayMismatch) as caught:
        list(replay(entries))
    assert caught.value.week == week_of_it


def test_a_run_goes_on_from_a_replayed_state_as_if_it_had_never_stopped(short_run):
    cut = next(i for i, e in enumerate(short_run.entries) if isinstance(e.event, WeekClosed) and e.event.week == 19) + 1
    kernel = Kernel(MemoryLog())
    for _, kernel.state in replay(short_run.entries[:cut]):
        pass
    kernel.log.next_seq = cut
    model = Simulation(kernel)
    for _ in range(6):
        model.step()
    assert list(kernel.log.entries()) == short_run.entries[cut:]


# --- draws


def test_a_draw_depends_on_its_name_alone():
    names = [(seed, stream, entity, n) for seed in (0, 1) for stream in "ab" for entity in "xy" for n in (-1, 0, 1)]
    draws = [rng.uniform(*name) for name in names]
    assert len(set(draws)) == len(names)
    assert draws == [rng.uniform(*name) for name in names]
    assert all(0 < u < 1 for u in draws)


def test_draws_are_uniform_and_normal_as_their_names_say():
    u = [rng.uniform(0, "test", str(n)) for n in range(4000)]
    z = [rng.normal(0, "test", str(n)) for n in range(4000)]
    assert sum(u) / 4000 == pytest.approx(0.5, abs=0.02)
    assert sum(z) / 4000 == pytest.approx(0.0, abs=0.05)
    assert sum(x * x for x in z) / 4000 == pytest.approx(1.0, abs=0.07)
    assert rng.quantile(rng.normal_cdf(1.25)) == pytest.approx(1.25)
    assert rng.lognormal(3.0, 0.5, 0.0) == 3.0


def test_an_entity_draws_for_its_week():
    draws = rng.Draws(3, "me", 7)
    assert draws.uniform("s") == rng.uniform(3, "s", "me", 7)
    assert draws.uniform("s", "e") == rng.uniform(3, "s", "me e", 7)
    assert draws.uniform("s", "e", 9) == rng.uniform(3, "s", "me e", 9)
    assert draws.normal("s", "e", rng.LIFETIME) == rng.normal(3, "s", "me e")
    assert draws.chance(1.0, "s", "e")
    assert not draws.chance(0.0, "s", "e")


def _by_others(run, newcomer):
    """Events without their place in the log, and without those that name an org."""
    found = defaultdict(list)
    for entry in run.entries:
        values = msgspec.structs.astuple(entry.event)
        about = entry.actor == newcomer or any(isinstance(v, str) and v.split("/")[0] == newcomer for v in values)
        if not about and not isinstance(entry.event, WeekClosed) and newcomer not in str(values):
            found[type(entry.event).__name__].append((entry.day, entry.actor, entry.event))
    return found


def test_a_newcomer_that_does_nothing_changes_nobody_elses_draws(frontier):
    """An org without money or machines joins: every event of the others is what it was."""
    org = next(org for org in frontier.orgs.values() if org.behaviour == "investor")
    nothing = {"cash_usd": 0.0, "behaviour": "oem", "roles": ("rest",), "traits": {}, "parent": None}
    idle = org.model_copy(update=nothing)
    grown = frontier.model_copy(update={"orgs": {**frontier.orgs, "newcomer": idle}})
    before, after = simulate(frontier, 0, 8), simulate(grown, 0, 8)
    assert _by_others(after, "newcomer") == _by_others(before, "newcomer")
    assert len(after.entries) > len(before.entries)


def test_another_seed_is_another_run(frontier, short_run):
    other = simulate(frontier, 1, 3)
    n = len(other.entries)
    assert [e.event for e in other.entries[1:]] != [e.event for e in short_run.entries[1:n]]


# --- the agents


def test_people_answer_the_same_view_with_the_same_commands_and_change_nothing(short_run):
    from market.view import MarketView, Shared

    kernel = Kernel(MemoryLog())
    kernel.state = copy.deepcopy(short_run.kernel.state)
    model = Simulation(kernel)
    before = state_hash(kernel.state)
    asked = 0
    for org, behaviour in model.behaviours.items():
        view = MarketView(Shared(kernel.state), org)
        answers = [behaviour.act(view, view.draws) for _ in range(2)]
        assert answers[0] == answers[1]
        assert all(command.actor == org for command in answers[0])
        asked += len(answers[0])
    assert state_hash(kernel.state) == before
    assert asked > 0


def test_an_unknown_behaviour_is_named():
    kernel = small()
    kernel.state.run.orgs[LAB].behaviour = "wizard"
    with pytest.raises(ValueError, match=r"orgs\.lab\.behaviour: no behaviour 'wizard'"):
        Simulation(kernel)


def test_an_empty_log_replays_to_an_empty_state():
    assert list(replay([])) == []
    assert SeekRound(actor=LAB, because=LAB, amount_usd_cents=1).why is None
    assert State().run.week == -1
