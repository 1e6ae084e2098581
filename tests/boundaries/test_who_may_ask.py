"""An org speaks for itself, in commands that hold what they may; anything else ends the run and names the behaviour."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, LAB, START, opening

from agents.simulation import begin
from events import MemoryLog
from events.commands import COMMANDS, Choice, Command, Terms, fault
from events.commands.chips import PlaceOrder
from events.commands.finance import SetBudget
from events.commands.leases import RequestLease
from events.commands.sites import PlanSite
from market.kernel import BehaviourFault, Kernel


@pytest.fixture
def kernel():
    kernel = Kernel(MemoryLog())
    kernel.begin((START, event) for event in opening())
    kernel.clock(0)
    return kernel


def budget(**values):
    return SetBudget(**{"actor": LAB, "because": LAB, "value": 1e9, "reason": "means", **values})


def order(**values):
    return PlaceOrder(**{"actor": LAB, "because": LAB, "chip": "H100", "gpus": 5, **values})


class Wish(Command, frozen=True, kw_only=True):
    """No command of the market."""


FAULTS = {
    "another's name": (budget(actor=CLOUD), r"SetBudget speaks for 'cloud'; an org speaks for itself"),
    "no command": (Wish(actor=LAB, because=LAB), r"Wish is no command"),
    "an event": (object(), r"object is no command"),
    "not a number": (budget(value=math.nan), r"SetBudget: value must be finite, was nan"),
    "no end": (budget(value=-math.inf), r"value must be finite, was -inf"),
    "a number as text": (budget(value="9"), r"value must be finite, was '9'"),
    "a word of no set": (budget(reason="whim"), r"reason must be one of start, rents above cost, .*, was 'whim'"),
    "part of a GPU": (order(gpus=1.5), r"PlaceOrder: gpus must be whole, .*, was 1.5"),
    "more GPUs than a log can hold": (order(gpus=2**63), r"gpus must be whole"),
    "true GPUs": (order(gpus=True), r"gpus must be whole, .*, was True"),
    "text that is none": (order(chip="\ud800"), r"chip must be printable text"),
    "text without end": (order(chip="H" * 10_000), r"chip must be printable text of at most 200 characters"),
    "a day of another age": (
        RequestLease(actor=LAB, because=LAB, lessor=CLOUD, h100e=1.0, due_day=10**6, duration_days=9,
                     price_usd_per_h100e_hour=1.0, kind="serving"),
        r"due_day must be whole, -25567 to 84370, was 1000000",
    ),
    "maybe": (PlanSite(actor=LAB, because=LAB, region="texas", kind="brownfield", power_kw_it=1, on_site_power=1),
              r"on_site_power must be true or false, was 1"),
    "terms without end": (
        order(why=Choice("chip", Terms("H100", term_price=math.inf))), r"terms of 'H100' must be finite",
    ),
    "why in words": (order(why="because"), r"why must be a Choice"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_what_no_org_may_ask_for_ends_the_run_and_names_the_behaviour(kernel, case):
    command, message = FAULTS[case]
    before = kernel.log.next_seq
    with pytest.raises(BehaviourFault, match=r"behaviour 'lab' of lab in week 0: .*" + message) as caught:
        kernel.decide({LAB: [order(), command]})
    assert (caught.value.org, caught.value.week, caught.value.behaviour) == (LAB, 0, "lab")
    assert kernel.log.next_seq == before


def test_a_cause_that_nothing_was_said_about_is_a_fault(kernel):
    with pytest.raises(BehaviourFault, match=r"PlaceOrder: nothing was said about its cause 'no such thing'"):
        kernel.decide({LAB: [order(because="no such thing")]})


def test_a_command_may_answer_what_the_one_before_it_did(kernel):
    kernel.decide({LAB: [order(), order(because="lab/order/1")]})
    assert len(kernel.state.chips.orders) >= 2


def test_an_answer_that_is_no_list_is_a_fault(kernel):
    with pytest.raises(BehaviourFault, match="an answer is a list of commands, was NoneType"):
        kernel.decide({LAB: None})


def test_what_agents_ask_for_is_without_fault(short_run):
    assert len(COMMANDS) > 15
    assert fault(order(why=Choice("chip", Terms("H100")))) == ""
    assert short_run.kernel.state.run.week == 25  # every command of every agent passed


@pytest.mark.parametrize("broken", ["raises", "impostor"])
def test_a_behaviour_that_fails_ends_the_run_with_its_name(frontier, broken):
    class Broken:
        def act(self, view, draws):
            if view.week < 2:
                return []
            if broken == "raises":
                raise KeyError("gone")
            return [budget(actor="azure", because=view.me)]

    model = begin(frontier, 0)
    model.behaviours["xai"] = Broken()
    model.step()
    model.step()
    what = r"KeyError: 'gone' \(.*test_who_may_ask\.py:\d+\)" if broken == "raises" else "SetBudget speaks for 'azure'"
    with pytest.raises(BehaviourFault, match=rf"behaviour 'lab' of xai in week 2: {what}"):
        model.step()
    assert model.state.run.week == 1
