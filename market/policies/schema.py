"""What a policy file says: a dated intervention at three hooks over an untouched baseline.

`set` changes a parameter of the world; `permit` refuses a command, beyond a quota or until a licence is had, and
`report` asks for a report of it; `levy` takes a part of a transaction, and `subsidy` pays one. The models are plain and
frozen; `market/rules` evaluates them. Conditions are typed and few:

    when: {country: [CN], tpp: {at_least: 4800}}          all of them hold
    when: [{region: us-ohio}, {role: {not: [lab]}}]       one of the two holds

A word field takes a word, a list (any of them) or `{not: [...]}`; a number field takes bounds; no `when` means always.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

TPP_PER_H100E = 15_824.0
"""Total processing performance of an H100: 989 dense BF16 TFLOP/s times 16 bits (US export rule of 2022-10-07)."""

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=48)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Strict(BaseModel):
    """Unknown keys are refused; nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Strict):
    """A test on a word: among `any_of` when that is not empty, and not among `none_of`."""

    any_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] = ()

    def holds(self, word: str | None) -> bool:
        """Test a word; a field that the command or event does not have matches no list, and no exclusion."""
        if word is None:
            return False
        return (self.any_of is None or word in self.any_of) and word not in self.none_of


class Bounds(Strict):
    """A test on a number; every bound that is given must hold."""

    at_least: Finite | None = None
    above: Finite | None = None
    at_most: Finite | None = None
    below: Finite | None = None

    def holds(self, number: float | None) -> bool:
        """Test a number; a field that the command or event does not have holds no bound."""
        if number is None:
            return False
        return (
            (self.at_least is None or number >= self.at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
        )


def _as_words(value: Any) -> Any:
    if isinstance(value, str | list):
        return {"any_of": _as_tuple(value)}
    if isinstance(value, dict) and set(value) == {"not"}:
        return {"none_of": _as_tuple(value["not"])}
    return value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else (value,)


WordTest = Annotated[Words, BeforeValidator(_as_words)]


class Condition(Strict):
    """Tests that must all hold. A test that is left out holds always.

    The org is who gives the command, or whom the event names first; the counterparty is the other side: supplier of an
    order, lessor of a request, lessee of a quote. `country` is an org's seat, `region_country` that of its site.
    """

    org: WordTest | None = None
    role: WordTest | None = None  # holds when any role of the org passes
    country: WordTest | None = None
    counterparty: WordTest | None = None
    counterparty_role: WordTest | None = None
    counterparty_country: WordTest | None = None
    region: WordTest | None = None
    region_country: WordTest | None = None
    site: WordTest | None = None
    chip: WordTest | None = None
    supplier: WordTest | None = None
    kind: WordTest | None = None  # the command's or event's own `kind`
    on_site_power: bool | None = None
    is_firm: bool | None = None  # of a building: served at all hours, where others come sooner and may be switched off
    sublease: bool | None = None  # passes on GPUs that the lessor rents itself
    tpp: Bounds | None = None  # of the chip: TPP_PER_H100E * h100e of one GPU
    gpus: Bounds | None = None
    h100e: Bounds | None = None  # gpus * h100e of one GPU
    power_mw_it: Bounds | None = None
    flop: Bounds | None = None
    share: Bounds | None = None
    amount_usd: Bounds | None = None
    duration_days: Bounds | None = None


When = Annotated[tuple[Condition, ...], BeforeValidator(_as_tuple)]


class Change(Strict):
    """A new value of a parameter: `to`, or the value in force times `multiply` plus `add`, within a collar."""

    to: Finite | None = None
    multiply: Finite = 1.0
    add: Finite = 0.0
    at_least: Finite | None = None
    at_most: Finite | None = None

    def of(self, value: float) -> float:
        """The value that a parameter takes."""
        new = self.to if self.to is not None else value * self.multiply + self.add
        new = new if self.at_least is None else max(new, self.at_least)
        return new if self.at_most is None else min(new, self.at_most)


def _as_change(value: Any) -> Any:
    return value if isinstance(value, dict) else {"to": value}


By = Literal["org", "country", "region", "region_country", "chip", "counterparty"]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Reason = Annotated[str, Field(min_length=1, max_length=120)]


class Quota(Strict):
    """An allowance: what passes before the refusal begins, counted by `by` over each period.

    `limit` is in the unit of `of`; `share_of_output` is relative: a part of what the supplier of the chip would make in
    the period at its pace of the latest week.
    """

    limit: Positive | None = None
    share_of_output: Share | None = None
    of: Literal["commands", "gpus", "h100e", "power_mw_it", "flop"]
    by: tuple[By, ...] = ()  # empty: all together
    per: Literal["week", "quarter", "year", "policy"] = "year"


class Licence(Strict):
    """What lifts a refusal: sought by the first command that is refused, decided after `days`, one for each group `by`.

    A delay is a licence that is always granted.
    """

    days: Positive  # of processing
    by: tuple[By, ...] = ("org",)
    holds_days: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 365
    granted_share: Share = 1.0  # of applications, drawn by group and day
    fee_usd: Positive = 0.0


class Adoption(Strict):
    """Where a rule holds at all: in a part of the groups `by`, drawn once for each."""

    share: Share
    by: By


class Permit(Strict):
    """Refuse commands for which `when` holds, beyond the quota and without the licence where there is one.

    `open_orders` : orders for chips that stand on the first day and would be refused are cancelled too, as where the
    export is forbidden and not the contract alone.
    """

    refuse: Names  # of commands
    when: When = (Condition(),)
    quota: Quota | None = None
    licence: Licence | None = None
    adopted: Adoption | None = None
    open_orders: bool = False
    reason: Reason
    enabled: bool = True


class Report(Strict):
    """Ask for a report of commands for which `when` holds; they pass."""

    on: Names  # of commands
    when: When = (Condition(),)
    usd: Positive = 0.0  # what a report costs who files it
    reason: Reason
    enabled: bool = True


class Levy(Strict):
    """Take part of a transaction: `rate` of its amount, `usd_per_unit` times its units, or a fee of `usd`."""

    on: Names  # of events
    when: When = (Condition(),)
    rate: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 0.0
    usd_per_unit: Positive = 0.0
    usd: Positive = 0.0
    unit: Literal["gpus", "h100e", "mwh", "mw_it", "flop"] = "gpus"
    payer: Literal["org", "counterparty"] = "org"
    to: Literal["world", "treasury"] = "treasury"
    enabled: bool = True


class Subsidy(Levy):
    """Pay a part of a transaction instead: a credit, or the budget of a public buyer with `when` as its access rule."""

    usd_per_year: Positive | None = None  # budget, no limit where none is given


class Source(Strict):
    """Where the figures of a policy come from."""

    source: Annotated[str, Field(min_length=1)]
    as_of: date | None = None
    published: date | None = None
    confidence: Literal["high", "medium", "low", "memory"] = "medium"
    note: str = ""


class Setting(Strict):
    """A figure of the policy that `name:key=value` may change; `$key` in the file stands for it."""

    value: bool | int | Finite | str | tuple[str, ...]
    unit: str = ""
    meaning: Annotated[str, Field(min_length=1)]
    low: Finite | None = None
    high: Finite | None = None


class Expectation(Strict):
    """First-order effect that theory expects on a metric against the baseline.

    metric : a metric; `{adopting}` in it stands for the regions that adopt the policy by a draw, which are added up.
    weeks : when it is to be seen, where that is before the end of the trial: what follows may drown it.
    """

    metric: Annotated[str, Field(min_length=1)]
    sign: Literal["+", "-", "0"]  # 0: exactly nothing
    reason: str = ""
    weeks: Annotated[int | None, Field(ge=13, le=520, exclude_if=lambda found: found is None)] = None


class Trial(Strict):
    """How the stated signs are tried: for how long, under which settings of the policy, in which world."""

    weeks: Annotated[int, Field(ge=13, le=520)] = 104
    given: dict[str, str] = {}  # settings, such as another first day
    world: dict[str, Finite] = {}  # parameters of the scenario in which it is compared with no policy


class Policy(Strict):
    """One policy, with its settings already put in place."""

    name: Id
    title: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    jurisdiction: str = ""  # who decides; a command may need the consent of several
    sources: tuple[Source, ...] = ()
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Setting] = {}
    announced: date | None = None  # first day on which orgs reckon with it; without one the day on which it begins
    from_day: date = Field(alias="from")
    until_day: date | None = Field(default=None, alias="until")  # first day on which it no longer holds
    set_: dict[str, Annotated[Change, BeforeValidator(_as_change)]] = Field(default={}, alias="set")
    default: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()  # orgs that default on the first day
    permit: tuple[Permit, ...] = ()
    report: tuple[Report, ...] = ()
    levy: tuple[Levy, ...] = ()
    subsidy: tuple[Subsidy, ...] = ()
    expects: tuple[Expectation, ...] = ()
    tried: Trial = Trial()
    given: dict[str, str] = {}  # settings changed on the command line, as written

    @property
    def label(self) -> str:
        """Name under which the policy is recorded: with what was changed, so that variants stand side by side."""
        words = ",".join(f"{key}={value}" for key, value in self.given.items())
        return f"{self.name}:{words}" if words else self.name
