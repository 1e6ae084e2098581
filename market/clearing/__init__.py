"""Mechanisms that clear a market: a book in, allotments and prices out, all pure.

from market.clearing import Alternative, Bid, Lot, book, clear
clear("uniform-price", book([Lot("hall", "H100", "texas", 0, 8, 1.5)], [Bid("a", "xai", (Alternative(8, 4000.0),))]))
"""

from market.clearing.account import Account, account
from market.clearing.allocation import largest_remainder, water_fill
from market.clearing.book import Allotment, Alternative, Bid, Book, Cleared, Lot, Price, book
from market.clearing.registry import Clearing, MechanismUnusable, clear, mechanism, names

__all__ = [
    "Account", "Allotment", "Alternative", "Bid", "Book", "Cleared", "Clearing", "Lot", "MechanismUnusable", "Price",
    "account", "book", "clear", "largest_remainder", "mechanism", "names", "water_fill",
]  # fmt: skip
