"""What is true of the run and its participants."""

from __future__ import annotations

import msgspec


class Org(msgspec.Struct, array_like=True):
    """A participant as registered."""

    name: str
    roles: tuple[str, ...]
    country: str
    behaviour: str
    parent: str | None


class Entrant(msgspec.Struct, array_like=True):
    """An org that will enter on a day, and with what."""

    name: str
    roles: tuple[str, ...]
    country: str
    behaviour: str
    parent: str | None
    day: int
    cash_cents: int
    valuation_cents: int
    budget_usd_per_year: float


class Region(msgspec.Struct, array_like=True):
    """A power region: its interconnection queue in order of arrival, and the connectable power not yet used."""

    name: str
    country: str
    queue: list[str] = []  # building ids, first come first
    granted_kw: int = 0  # since the start, less what buildings that were given up left to others
    non_firm_kw: int = 0  # granted to loads that may be switched off
    leased_kw: int = 0  # developers' shells that have been leased out since the start


class Licence(msgspec.Struct, array_like=True):
    """A licence that a policy demands: sought, decided on `due_day`, good or barred until `end_day`."""

    org: str
    command: str
    due_day: int
    end_day: int
    is_granted: bool | None = None


class Run(msgspec.Struct, array_like=True):
    """Identity and calendar of the run; parameters, participants, regions, counters of ids."""

    scenario: str = ""
    seed: int = 0
    start_day: int = 0
    end_day: int = 0
    week: int = -1
    ended: bool = False
    parameters: dict[str, float] = {}
    baseline: dict[str, float] = {}  # parameters as the start set them
    orgs: dict[str, Org] = {}
    entrants: dict[str, Entrant] = {}
    regions: dict[str, Region] = {}
    counters: dict[str, int] = {}
    plant_kw: float = 0.0  # own generation that makers have for who ordered it, not delivered yet, IT kW
    policies: dict[str, int] = {}  # policy in force -> day enacted
    quotas: dict[str, dict[str, float]] = {}  # policy -> allowance -> taken
    licences: dict[str, dict[str, Licence]] = {}  # policy -> rule and group -> licence
    slots: dict[str, float] = {}  # supplier -> packaging slots a week
    shocks: dict[str, float] = {}
    mechanisms: dict[str, str] = {}  # market -> how it is cleared, where that is not the default
