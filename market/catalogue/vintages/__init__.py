"""Build the start of any date from committed observations: fleets, sites, leases, orders, models, books, prices.

The start of 2024-07-15 is a photograph, tables written by hand for that day, and stays what it was. Every other start
from 2023-06-30 on, and every strict one, is built by this program from `market/catalogue/observed/vintages/` and the
structure of the catalogue. The same rows give the same world.
"""

from market.catalogue.vintages.entries import (
    CARRIED,
    FIRST,
    PHOTOGRAPH,
    built_entries,
    is_photograph,
    rows_left_out,
)

__all__ = ["CARRIED", "FIRST", "PHOTOGRAPH", "built_entries", "is_photograph", "rows_left_out"]
