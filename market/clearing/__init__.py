"""Pure mechanisms that share out what is scarce: numbers in, numbers out."""

from market.clearing.allocation import largest_remainder, water_fill

__all__ = ["largest_remainder", "water_fill"]
