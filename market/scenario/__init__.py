"""Scenarios: what the world looks like at its start, where each number comes from, and what is refused."""
