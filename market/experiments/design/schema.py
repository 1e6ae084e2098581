"""What a design says: scenario, policies, what is uncertain, how often, and what is measured."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

BASELINE = "baseline"
Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = bool | int | Finite | str | list[str]
Key = Annotated[str, Field(min_length=1, max_length=120)]


class Strict(BaseModel):
    """Unknown keys are refused; nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_entry(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


class Lever(Strict):
    """One policy with its settings, several values of one setting, or several policies together in stated order."""

    use: str | None = None
    together: list[str] = []
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9 :=+.,-]*$", max_length=80)] | None = None
    set_: Annotated[dict[Key, Value], Field(alias="set")] = {}
    sweep: dict[Key, list[Finite]] = {}


class Uncertainty(Strict):
    """The distribution of one parameter: exactly one of these, see `market.experiments.design.distributions`."""

    uniform: list[Finite] | None = None
    loguniform: list[Finite] | None = None
    triangular: list[Finite] | None = None
    normal: list[Finite] | None = None
    lognormal: list[Finite] | None = None
    choice: list[Finite] | None = None


class Goal(Strict):
    """What one wants of a metric: for regret, maximin and the share of futures that meet a threshold."""

    want: Literal["high", "low"]
    threshold: Finite | None = None


class Design(Strict):
    """A whole experiment. Every policy runs on the same pairs of future and seed as the baseline."""

    title: str = ""
    scenario: str = "frontier-2024"
    set_: Annotated[dict[Key, Value], Field(alias="set")] = {}
    years: Annotated[float, Field(gt=0, le=20)] | None = None
    policies: list[Annotated[Lever, BeforeValidator(_as_entry)]] = []
    uncertainties: dict[Key, Uncertainty] = {}
    futures: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    sampling: Literal["lhs", "sobol", "morris", "saltelli"] = "lhs"
    seeds: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    first_seed: Annotated[int, Field(ge=0)] = 0
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    every_weeks: Annotated[int, Field(ge=1, le=1000)] = 13
    goals: dict[str, Goal] = {}
