"""What is true of sites and buildings. Energised power is IT power in kW."""

from __future__ import annotations

import msgspec

from events.kinds import BuildingKind, PlantPermitKind, SiteKind


class Site(msgspec.Struct, array_like=True):
    """A site of one owner; `installed_w` is the IT power of the GPUs that run there, in watts."""

    name: str
    owner: str
    region: str
    kind: SiteKind
    planned_kw: int
    due_day: int
    energised_kw: int = 0
    installed_w: int = 0
    non_firm_kw: int = 0  # of `energised_kw`, served by a grid that may switch it off
    stopped_kw: int = 0  # of `energised_kw`, fed by own plant that has no permit any more
    leased_kw: int = 0  # of `energised_kw`, in shells that developers lease out to its owner
    plant_kw: int = 0  # of `energised_kw`, fed by own plant, be it stopped or not

    @property
    def running_kw(self) -> int:
        """Energised power that may run: all but that of plant that has no permit any more."""
        return self.energised_kw - self.stopped_kw

    @property
    def grid_kw(self) -> int:
        """Energised power that the grid feeds."""
        return self.energised_kw - self.plant_kw

    @property
    def plant_share(self) -> float:
        """Part of the power that may run which own plant feeds."""
        return (self.plant_kw - self.stopped_kw) / self.running_kw if self.plant_kw > self.stopped_kw else 0.0

    @property
    def used_w(self) -> float:
        """IT power of the GPUs that do not stand still for want of a permit, in watts."""
        return self.installed_w * (1 - self.stopped_share)

    @property
    def plant_w(self) -> float:
        """Own plant's part of the power that is used, in watts."""
        return self.used_w * self.plant_share

    @property
    def grid_w(self) -> float:
        """The grid's part of the power that is used, in watts."""
        return self.used_w * (1 - self.plant_share)

    @property
    def spare_w(self) -> int:
        """Energised power that may run and that no GPU uses, in watts."""
        return max(0, self.running_kw * 1000 - self.installed_w)

    @property
    def stopped_share(self) -> float:
        """Part of the GPUs there that stand still because plant has no permit: what other power does not carry."""
        return self.still_share(self.stopped_kw)

    def still_share(self, off_kw: float) -> float:
        """Part of the GPUs there that stand still while so much of the energised power is off."""
        if not off_kw or not self.installed_w:
            return 0.0
        return max(0.0, 1 - 1000 * (self.energised_kw - off_kw) / self.installed_w)


class Building(msgspec.Struct, array_like=True):
    """A building under way. Days are promises until `shell_ready` and `granted` are true."""

    building_id: str
    site: str
    org: str
    region: str
    kind: BuildingKind
    power_kw: int
    start_day: int
    due_day: int
    planned_days: int  # for its works alone: power may be promised for later
    promised_day: int  # the first promise
    shell_ready: bool = False
    granted: bool = False
    wait_said: bool = False
    on_site: bool = False
    is_firm: bool = True  # for one that is not: so far
    paused_day: int = -1  # day since which work rests, -1 while it goes on
    rested_days: int = 0  # of pauses that are over

    def resting_days(self, today: int) -> int:
        """Days that its pause has lasted, by which its promise moves were it taken up today; 0 while work goes on."""
        return today - self.paused_day if self.paused_day >= 0 else 0


def works_kw(building: Building, hall_share: float) -> float:
    """Work for contractors, in kW of shells on new land; `hall_share`: the part that is left to do in a hall."""
    return building.power_kw * hall_share if building.kind == "brownfield" else building.power_kw


class PlantPermit(msgspec.Struct, array_like=True):
    """The permit of a building's own plant, which is the site's owner's; plant runs until it ends or is decided on."""

    building_id: str
    site: str
    region: str
    kind: PlantPermitKind
    power_kw_it: int
    end_day: int
    decided_day: int = -1  # day on which another is decided on, -1 where none was sought
    is_running: bool = True


class Tariff(msgspec.Struct, array_like=True):
    """What energy costs in a region: IT power that its grid fed at the start, and the price over that of the start."""

    start_kw: int
    rise: float = 1.0


class Sites(msgspec.Struct, array_like=True):
    """Sites by name, buildings under way by id (energised ones leave)."""

    sites: dict[str, Site] = {}
    buildings: dict[str, Building] = {}
    tariffs: dict[str, Tariff] = {}  # by region
    capacity: dict[int, float] = {}  # first day of a delivery year -> USD per MW and day
    permits: dict[str, PlantPermit] = {}  # of own plant in use, by building
    shells_late: dict[str, bool] = {}  # builder -> whether it was last said that contractors hold it back
    shell_hands_kw: float = 0.0  # shells that contractors can take on now; below zero after one larger than a month's
