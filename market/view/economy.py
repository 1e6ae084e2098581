"""What an org may know of the economy: prices for later, its own users' spending, its part of the market, levies."""

from __future__ import annotations

from market.rules import demand, duties, finance, foresee, prices, shells, uses, vendors
from market.rules.base import income_usd_per_year
from market.rules.levies import chip_case, energy_case
from market.rules.machines import training_yield
from market.view.base import NotVisible, shared_of, state_of
from market.view.own import OwnView


class EconomyView(OwnView):
    """Readings of demand and prices, public or the org's own."""

    __slots__ = ()

    @property
    def clearing(self) -> float:
        """Spot, USD/H100e-hour: moves to where all users together want what is energised."""
        return state_of(self).demand.clearing_usd_per_h100e_hour

    @property
    def reference(self) -> float:
        """Price to which budgets for compute are used, USD/H100e-hour."""
        return state_of(self).demand.reference_usd_per_h100e_hour

    @property
    def mix_cost(self) -> float:
        """Replacement cost of what is on sale, smoothed: what prices are agreed on, USD/H100e-hour."""
        return state_of(self).demand.cost_usd_per_h100e_hour

    @property
    def entry_price(self) -> float:
        """Rent at which new capacity enters, USD/H100e-hour."""
        return prices.entry_price(state_of(self))

    def forward(self, weeks: float) -> float:
        """Rent agreed today for an hour so many weeks ahead, USD/H100e-hour."""
        return prices.forward(state_of(self), weeks)

    def contract_price(self, days: float, wait_weeks: float) -> float:
        """Rent of a contract for so many days that begins after a wait, USD/H100e-hour."""
        return prices.quote(state_of(self), days, wait_weeks)

    def rent(self, chip: str, days: float, wait_weeks: float) -> float:
        """Rent of a GPU by contract for so many days that begins after a wait, by the work it does, USD/GPU-hour."""
        costs = shared_of(self).costs[chip], shared_of(self).cost_of_mix
        return prices.rent(state_of(self), costs, self.work_h100e(chip), days, wait_weeks)

    def work_h100e(self, chip: str) -> float:
        """Work of a GPU, in H100e that do the mean work of all that is installed."""
        return shared_of(self).works[chip]

    def training_yield(self, chip: str, gpus: int) -> float:
        """Training throughput per H100e of so many GPUs of a chip that train together, over that of as many H100s."""
        return training_yield(chip, gpus, self.day)

    def own_cost(self, chip: str) -> float:
        """Replacement cost of a chip for an H100e of mean work, levies paid and warrants off, USD/H100e-hour."""
        state = state_of(self)
        if not (self.is_regulated or state.finance.warrants):
            return shared_of(self).costs_without_levy[chip]
        item = state.chips.chips[chip]
        rebate = vendors.rebate_usd_per_gpu(state, self.me, item.supplier) / item.price_usd_per_gpu
        return prices.cost_of_work(state, item, self.work_h100e(chip), self.levy_on_chips(chip) - rebate)

    def levy_on_chips(self, chip: str) -> float:
        """Part of a chip's price that the org pays on top when an order of today is allotted, by what is announced."""
        if not self.is_regulated:
            return 0.0
        item = state_of(self).chips.chips[chip]
        day = max(self.day + round(7 * self.lead_time_weeks), item.start_day)
        return self.levy("ChipsAllocated", chip_case(self.me, item), day) / item.price_usd_per_gpu

    def levy_on_energy(self) -> float:
        """USD per MWh that policies in force take."""
        return prices.levy_on_energy(state_of(self))

    def energy_usd_per_mwh(self, region: str) -> float:
        """Price of energy in a region, with the levies that the org pays there and the power that it would not use."""
        state = state_of(self)
        price = shared_of(self).energy_usd_per_mwh[region]
        used = max(self.used_share(), state.run.parameters["energy.used_share_least"])
        price *= max(1.0, duties.minimum_take_share(state, region) / used)
        return price + self.levy("PaymentMade", energy_case(self.me, region)) if self.is_regulated else price

    def plant_usd_per_mwh(self, region: str) -> float:
        """Cost of energy from own plant in a region, with the levies that the org pays on it there."""
        cost = shared_of(self).plant_usd_per_mwh[region]
        return cost + self.levy("PaymentMade", energy_case(self.me, region, "fuel")) if self.is_regulated else cost

    @property
    def plant_usd_per_kw(self) -> float:
        """Price of own plant, USD per kW of its load."""
        return shared_of(self).plant_usd_per_kw

    def used_share(self) -> float:
        """Part of the org's energised power that its GPUs use; 1 without any."""
        return shared_of(self).used_share(self.me)

    def shell_time_factor(self, region: str) -> float:
        """Planned days of shells in a region over the usual."""
        return shells.time_factor(state_of(self), region)

    def curtailed_share(self, region: str, is_firm: bool = True) -> float:
        """Part of a year in which loads of a region are switched off, those that are not firm for longer."""
        return shared_of(self).curtailed_shares[region][is_firm]

    def revenue_growth(self) -> float:
        """Growth of the own revenue as a lab, log points a year."""
        return demand.lab_growth(state_of(self), self.me)

    def growth_of(self, lab: str) -> float:
        """Growth of the revenue of a lab that the org backs most, as the lab reports it, log points a year."""
        if self.compute_backer(lab) != self.me:
            raise NotVisible(f"{lab} does not report its revenue to {self.me}")
        return demand.lab_growth(state_of(self), lab)

    def served_share(self) -> float:
        """Part of what own customers ask for that the org serves."""
        return demand.availability(state_of(self), self.me)

    def leader_h100e(self) -> float:
        """Compute that the leading lab has and has announced."""
        return uses.leader_h100e(state_of(self))

    def users_h100e(self, weeks: float) -> float:
        """Compute that own users and the org's part of the tail will want so many weeks ahead (see `foresee.users`)."""
        return foresee.h100e_of(shared_of(self).users_of(self.me), weeks)

    def own_users_h100e(self, weeks: float) -> float:
        """Compute that own users alone will want so many weeks ahead."""
        own = (users for users in shared_of(self).users_of(self.me) if users.name == self.me)
        return foresee.h100e_of(own, weeks)

    def contracted_h100e(self) -> float:
        """Compute that the org has let or promised under contracts."""
        return foresee.contracted(state_of(self), self.me)

    def income_usd_per_year(self) -> float:
        """Operating cash flow of other business today, USD a year."""
        state = state_of(self)
        own = finance.own_users_usd_per_year(state, self.me, self.day)
        return income_usd_per_year(state, self.me, self.day) + own
