"""What is true of insolvencies: open estates, the claims on them, and what they offer for sale."""

from __future__ import annotations

import msgspec

from events.kinds import ClaimRank, EstatePlan, LotKind


class Claim(msgspec.Struct, array_like=True):
    """What a creditor claims from an estate."""

    claim_id: str
    creditor: str
    rank: ClaimRank
    cents: int
    contract_id: str


class Lot(msgspec.Struct, array_like=True):
    """What an estate offers, with this week's bids: bidder -> cents."""

    lot_id: str
    kind: LotKind
    site: str
    chip: str
    gpus: int
    value_cents: int  # as appraised when it was offered
    day: int
    bids: dict[str, int] = {}


class Estate(msgspec.Struct, array_like=True):
    """The estate of an org in default. The org trades again when it is closed."""

    estate_id: str
    org: str
    plan: EstatePlan
    day: int
    due_day: int
    claims: dict[str, Claim] = {}
    lots: dict[str, Lot] = {}
    sold_cents: int = 0
