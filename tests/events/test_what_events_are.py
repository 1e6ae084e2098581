"""Events and commands are frozen, built by keyword, and of the version that the registry knows as the latest."""

from __future__ import annotations

import random

import pytest
from msgspec import NODEFAULT, structs

from events import EVENTS
from events.commands import COMMANDS, Choice, Command, Terms
from events.commands.check import fault
from events.kinds import OptionLeft
from events.registry import present, registry
from events.terms import LeaseTerms
from events.types.base import Event
from tests.events.sample import event

KINDS = {**EVENTS, **COMMANDS}


def held(kind: type[Event] | type[Command]) -> Event | Command:
    """One event or command of a kind; a command holds nothing that matters."""
    if issubclass(kind, Event):
        return event(kind, random.Random(1))
    return kind(**dict.fromkeys(kind.__struct_fields__))


@pytest.mark.parametrize("name", KINDS)
def test_an_event_and_a_command_are_built_by_keyword_alone_and_never_change(name: str) -> None:
    kind = KINDS[name]
    one, fields = held(kind), kind.__struct_fields__
    values = [getattr(one, field) for field in fields]
    assert kind(**dict(zip(fields, values, strict=True))) == one
    with pytest.raises(TypeError):
        kind(values[0], **dict(zip(fields[1:], values[1:], strict=True)))
    for field in fields:
        with pytest.raises(AttributeError):
            setattr(one, field, None)


USUAL = {
    "is_firm": True, "chip_choice": "fixed", "site_choice": "fixed", "tranches": 1, "take_or_pay_share": 1.0,
    "exit_share": 1.0, "renew_price": "fixed", "assigning": "never", "subleasing": "free", "form": "lease", "turn": 1,
    "clause": "price", "kind": "equity",
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_what_is_left_out_is_nothing_or_what_is_usual(name: str) -> None:
    for field in structs.fields(KINDS[name]):
        if field.default is not NODEFAULT:
            assert field.default == USUAL.get(field.name, field.default)
            assert field.name in USUAL or not field.default, field.name


@pytest.mark.parametrize("name", EVENTS)
def test_an_events_version_is_the_latest_that_is_registered(name: str) -> None:
    versions = {version for kind, version in registry().shapes if kind == name}
    assert EVENTS[name].version == max(versions)
    assert versions == set(range(1, max(versions) + 1)) or min(versions) > 1
    assert present().shapes[name, max(versions)] == registry().shapes[name, max(versions)]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_says_who_may_see_it_and_names_a_field_as_its_subject(name: str) -> None:
    kind = EVENTS[name]
    assert kind.sees in ("public", "parties", "own")
    assert kind.subject == "" or kind.subject in kind.__struct_fields__
    assert not kind.aspect or kind.subject


def test_terms_without_clauses_are_a_plain_lease_of_one_tranche_paid_whole_and_nothing_ahead() -> None:
    plain = LeaseTerms(chip="H100", site="s", gpus=10, start_day=100, end_day=130, price_usd_per_gpu_hour=2.0)
    assert (plain.tranches, plain.ramp_days, plain.take_or_pay_share, plain.prepaid_share) == (1, 0, 1.0, 0.0)
    assert (plain.chip_choice, plain.site_choice, plain.region) == ("fixed", "fixed", "")
    assert plain.duration_days == 30
    assert plain.worth_usd == 10 * 2.0 * 24 * 30


def test_terms_of_a_candidate_are_neutral_until_they_are_said_and_add_up() -> None:
    bare = Terms("x")
    assert bare.score == 0
    assert {field for field in Terms.__struct_fields__ if getattr(bare, field)} == {"option", "reason"}
    scored = Terms("x", term_price=1, term_time=2, term_control=4, term_risk=8, term_noise=16)
    assert scored.score == 31


class Wanted(Command, frozen=True, kw_only=True):
    """A command with a field of every kind."""

    gpus: int = 0
    due_day: int = 0
    duration_days: int = 1
    price: float = 0.0
    is_own: bool = False
    reason: OptionLeft = "price"
    site: str | None = None
    terms: LeaseTerms | None = None


FAULTY = {
    "gpus": [True, 1.0, "1", None, 2**53 + 1, -(2**53) - 1],
    "due_day": [True, -25_568, 84_371],
    "duration_days": [100 * 366 + 1, -100 * 366 - 1],
    "price": [True, "1", None, float("inf"), float("nan")],
    "is_own": [0, 1, None],
    "reason": ["whim", "", None],
    "site": [1, "a\n", "a" * 201],
    "terms": ["x", Terms("x")],
    "actor": [None, 5, "\x07"],
}
SOUND = {
    "gpus": [0, -1, 2**53, -(2**53)],
    "due_day": [-25_567, 84_370],
    "duration_days": [100 * 366, -100 * 366],
    "price": [1, 1.5, -3.0],
    "is_own": [True, False],
    "reason": ["price", "power"],
    "site": [None, "", "a" * 200],
    "terms": [None],
    "actor": ["xai"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in FAULTY.items() for value in values])
def test_a_command_that_holds_what_it_may_not_names_the_field(field: str, value: object) -> None:
    said = fault(Wanted(**{"actor": "xai", "because": "xai", field: value}))  # type: ignore[arg-type]
    assert said.startswith(f"{field} must be ")
    assert said.endswith(f"was {value!r:.80}")


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in SOUND.items() for value in values])
def test_a_command_may_hold_what_its_fields_say(field: str, value: object) -> None:
    assert fault(Wanted(**{"actor": "xai", "because": "xai", field: value})) == ""  # type: ignore[arg-type]


def test_the_terms_of_a_command_and_of_its_choice_are_looked_into() -> None:
    def said(**held: object) -> str:
        return fault(Wanted(**{"actor": "xai", "because": "xai", **held}))  # type: ignore[arg-type]

    sound = {"chip": "H100", "site": "s", "gpus": 1, "start_day": 0, "end_day": 9, "price_usd_per_gpu_hour": 1.0}
    assert said(terms=LeaseTerms(**sound)) == ""
    assert said(terms=LeaseTerms(**sound | {"gpus": 1.5})).startswith("terms must be whole")
    assert "(gpus)" in said(terms=LeaseTerms(**sound | {"gpus": 1.5}))
    good, bad = Terms("a"), Terms("b", term_risk=float("nan"))
    assert said(why=Choice("topic", good, (good,))) == ""
    assert said(why=Choice("topic", good, (good, bad))) == "terms of 'b' must be finite (term_risk)"
    assert said(why=Choice("topic", bad)) == "terms of 'b' must be finite (term_risk)"
    assert said(why=Choice("\n", good)) == "why must be a Choice with a topic"
    assert said(why="because") == "why must be a Choice with a topic"
    assert said(why=Choice("topic", good, [good])) == "why must hold the candidates left as a tuple"
    assert said(why=Choice("topic", good, ("b",))) == "why must hold Terms"


PLAIN = {  # the plainest of several kinds
    "GiveQuote": {"form": "lease"}, "FundRound": {"kind": "equity"}, "PlanSite": {"is_firm": True},
    "StartBuilding": {"is_firm": True},
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_does_not_say_it_does_not_ask_for(name: str) -> None:
    fields = [field for field in structs.fields(COMMANDS[name]) if field.default is not NODEFAULT]
    assert {field.name: field.default for field in fields if field.default not in ("", None, False, 0)} == PLAIN.get(
        name, {}
    )
