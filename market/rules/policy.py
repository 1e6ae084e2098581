"""Rules of policy: dated interventions at three hooks over an untouched baseline.

`calendar` enacts and repeals on dates, sets parameters and decides licences, `permit` judges commands, `levy` charges
and pays on events; `may` and `owed_usd` tell the same beforehand. The hooks hold no state: what is in force, what a
quota has left and which licences are held is in the state, so a fork or a resume is exact.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from events.commands import Command
from events.types import Event
from events.types.finance import PaymentMade
from events.types.policy import CommandForbidden, LevyCharged, LicenceSought, PolicyEnacted, PolicyRepealed
from events.types.run import ParameterSet
from market.policies.duties import is_duty
from market.rules import insolvency, levies, permits
from market.rules.base import Happening
from market.rules.cases import Case, command_case, event_case
from market.rules.levies import TREASURY
from market.rules.permits import GIVEN, Barrier, Permission
from market.state import State
from market.units import CENTS, digits, to_day

if TYPE_CHECKING:
    from market.policies.schema import Policy

UNTAXED = ("levy", "subsidy")  # kinds of payment on which nothing is levied


class PolicyHooks:
    """The policies of a run, in the order in which they compose."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)
        rules = [rule for policy in policies for rule in (*policy.levy, *policy.subsidy) if rule.enabled]
        self.levied = {name for rule in rules for name in rule.on}
        self.judged = {name for policy in policies for rule in policy.permit if rule.enabled for name in rule.refuse}
        self.judged |= {name for policy in policies for rule in policy.report if rule.enabled for name in rule.on}

    def calendar(self, state: State, first: int, last: int) -> Iterator[Happening]:
        """Enact and repeal what begins or ends by `last`, by day; parameters follow from the baseline and what acts."""
        active, told, cancelled = dict.fromkeys(state.run.policies), ChainMap({}, state.run.parameters), set[str]()
        for day, begins, policy in self._turns(active, first, last):
            label = policy.label
            if begins:
                active[label] = None
                yield Happening(day, PolicyEnacted(policy=label, kind=policy.title), "world", "")
            else:
                del active[label]
                yield Happening(day, PolicyRepealed(policy=label, kind=policy.title), "world", label)
            for changed in self._parameters(state, policy, active, told, day):
                told[changed.parameter] = changed.value
                yield Happening(day, changed, "world", label)
            if begins:
                yield from permits.begun(state, policy, cancelled, day)
                for org in policy.default:
                    forced = ParameterSet(parameter=insolvency.forced_by(org), value=float(day))
                    yield Happening(day, forced, "world", label)
        yield from permits.decided(state, self._in_force(state), first, last)

    def _turns(self, active: Mapping[str, None], first: int, last: int) -> list[tuple[int, bool, Policy]]:
        """Policies that begin or end by `last`: the day, whether it begins, which; by day, then as they compose."""
        found = []
        for policy in self.policies:
            begins, ends = to_day(policy.from_day), to_day(policy.until_day) if policy.until_day else last + 1
            if policy.label in active and ends <= last:
                found.append((max(first, ends), False, policy))
            elif policy.label not in active and begins <= last < ends:
                found.append((max(first, begins), True, policy))
        return sorted(found, key=lambda turn: turn[0])

    def _parameters(
        self, state: State, policy: Policy, active: Mapping[str, None], told: Mapping[str, float], day: int
    ) -> Iterator[ParameterSet]:
        """Numbers that follow when a policy begins or ends; `told` : numbers as they stand by then."""
        for name in policy.set_:
            if name not in state.run.baseline and not is_duty(name):  # of the catalogue, but not of this scenario
                continue
            value = state.run.baseline.get(name, 0.0)
            for other in self.policies:
                if other.label in active and name in other.set_:
                    value = other.set_[name].of(value)
            yield ParameterSet(parameter=name, value=digits(value))
        if policy.levy or policy.subsidy:
            acting = [other for other in self.policies if other.label in active]

            def owed(name: str, case: Case) -> float:
                return levies.owed_usd(state, acting, name, case, day)

            yield from levies.in_force(state, owed, told)

    def _in_force(self, state: State) -> list[Policy]:
        return [policy for policy in self.policies if policy.label in state.run.policies]

    def _known_for(self, state: State, day: int, today: int) -> list[Policy]:
        """Policies that orgs reckon with today for a day: in force today and not to end by then, or announced."""
        if day <= today:
            return self._in_force(state)
        return [
            policy
            for policy in self.policies
            if (policy.label in state.run.policies or to_day(policy.announced or policy.from_day) <= today)
            and to_day(policy.from_day) <= day
            and (policy.until_day is None or day < to_day(policy.until_day))
        ]

    # --- what happens

    def permit(self, state: State, command: Command, day: int) -> list[Event]:
        """Refuse a command, or note what it takes from quotas and reports; nothing when no policy touches it.

        Every jurisdiction that blocks it says so; licences are sought from all of them at once.
        """
        if type(command).__name__ not in self.judged:
            return []
        case, acting = command_case(state, command), self._in_force(state)
        found = list(permits.verdicts(state, acting, command, case, day))
        barriers = [verdict.barrier for verdict in found if verdict.barrier is not None]
        noted = [event for verdict in found for event in verdict.noted]
        if barriers:
            sought = [event for event in noted if isinstance(event, LicenceSought)]
            fees = [paid for b in barriers if b.usd for paid in _fee(b.policy, command.actor, b.usd)]
            return [*sought, *fees, *(_forbidden(barrier, command, case) for barrier in barriers)]
        for policy, rule in permits.reports(acting, command, case):
            noted.append(permits.filed(policy, rule, command, case))
            noted.extend(_fee(policy.label, command.actor, rule.usd))
        return noted

    def levy(self, state: State, events: Sequence[Event], day: int) -> Iterator[Happening]:
        """Charge and pay what policies say of transactions; levies are not levied on."""
        for event in events:
            if type(event).__name__ not in self.levied or getattr(event, "kind", "") in UNTAXED:
                continue
            case = event_case(state, event)
            for policy in self._in_force(state):
                yield from levies.charges(state, policy, event, case, day)

    # --- what would happen

    def may(self, state: State, command: Command, day: int, today: int) -> Permission:
        """What policies would say of a command given on a day, as far as anybody can know today."""
        if type(command).__name__ not in self.judged:
            return GIVEN
        case, acting = command_case(state, command), self._known_for(state, day, today)
        found = permits.verdicts(state, acting, command, case, day)
        barriers = tuple(verdict.barrier for verdict in found if verdict.barrier is not None)
        usd = sum(barrier.usd for barrier in barriers)
        usd += sum(rule.usd for _, rule in permits.reports(acting, command, case))
        return Permission(barriers, usd)

    def owed_usd(self, state: State, name: str, case: Case, day: int, today: int) -> float:
        """What an event on a day would cost its org in levies less subsidies, as far as anybody can know today."""
        if name not in self.levied:
            return 0.0
        return levies.owed_usd(state, self._known_for(state, day, today), name, case, day)


def policy_hooks(policies: Sequence[Policy]) -> PolicyHooks | None:
    """Make the hooks of a run; None when there is no policy."""
    return PolicyHooks(policies) if policies else None


def _fee(policy: str, org: str, usd: float) -> list[Event]:
    cents = round(usd * CENTS)
    if cents <= 0:
        return []
    return [
        LevyCharged(policy=policy, org=org, amount_usd_cents=cents, contract_id=org),
        PaymentMade(org=org, counterparty=TREASURY, amount_usd_cents=cents, kind="levy", contract_id=org),
    ]


def _forbidden(barrier: Barrier, command: Command, case: Mapping[str, Any]) -> CommandForbidden:
    gpus = case.get("gpus")
    return CommandForbidden(
        org=command.actor,
        policy=barrier.policy,
        kind=type(command).__name__,
        reason=barrier.reason,
        region=case.get("region"),
        counterparty=case.get("counterparty"),
        chip=case.get("chip"),
        gpus=int(gpus) if gpus is not None else None,
    )
