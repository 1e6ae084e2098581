"""Which things belong together, so that nobody looks at all to find a few."""

from __future__ import annotations

import msgspec

from market.state.chips import Place

Ids = dict[str, dict[str, None]]  # by owner, ids in the order in which they came


class Index(msgspec.Struct, array_like=True):
    """Ids by owner. It follows from the rest of the state and stays outside the hash.

    Attributes
    ----------
    asked : lessee -> its open requests.
    quote : request -> the quote that answers it.
    quoted : lessor -> its open quotes.
    let, rented : lessor and lessee -> leases in force.
    sold, bought : lessor and lessee -> contracts for capacity of which something is still to be drawn.
    buildings : site -> what is being built there.
    holdings : org -> holdings.
    owing : lessor -> lease -> GPUs that it still owes.
    owed, owed_on : lessor -> place -> the same together, of its own and of what it rents itself.
    """

    asked: Ids = {}
    quote: dict[str, str] = {}
    quoted: Ids = {}
    let: Ids = {}
    rented: Ids = {}
    sold: Ids = {}
    bought: Ids = {}
    buildings: Ids = {}
    holdings: dict[str, dict[Place, None]] = {}
    owing: dict[str, dict[str, int]] = {}
    owed: dict[str, dict[Place, int]] = {}
    owed_on: dict[str, dict[Place, int]] = {}
