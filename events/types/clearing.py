"""Events of clearing: which mechanism clears a market, and what each clearing amounted to."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import MarketName
from events.types.base import Event


class MechanismChosen(Event, frozen=True, kw_only=True):
    """A market is cleared by another mechanism than the default; `kind` is the market."""

    kind: MarketName
    mechanism: str


class ChipsCleared(Event, frozen=True, kw_only=True):
    """A week's stock of a chip was shared out among the orders that waited for it.

    Of `offered_gpus` and `wanted_gpus`, `gpus` were allotted; at `price_usd_per_gpu`, or at the price of each order
    where that is null. `marginal_usd_per_gpu` is what a GPU is worth to the buyer served that values it least,
    `excluded_usd_per_gpu` to the buyer left out that values it most; `surplus_usd` is the worth of what was allotted
    over the least price on order.
    """

    periodic: ClassVar[bool] = True
    chip: str
    supplier: str
    mechanism: str
    offered_gpus: int
    wanted_gpus: int
    gpus: int
    surplus_usd: float
    price_usd_per_gpu: float | None = None
    marginal_usd_per_gpu: float | None = None
    excluded_usd_per_gpu: float | None = None


class RentsCleared(Event, frozen=True, kw_only=True):
    """What was open to rent of a chip in a region was shared out among those who bid for it; `kind` is the market.

    As `ChipsCleared`, a GPU-hour at a time; `surplus_usd` is over the hours of the term, above running costs.
    """

    periodic: ClassVar[bool] = True
    kind: MarketName
    region: str
    chip: str
    mechanism: str
    offered_gpus: int
    wanted_gpus: int
    gpus: int
    surplus_usd: float
    price_usd_per_gpu_hour: float | None = None
    marginal_usd_per_gpu_hour: float | None = None
    excluded_usd_per_gpu_hour: float | None = None
