"""Policies that this package brings: every YAML file of the folder is one, by its name."""

from pathlib import Path

POLICIES = Path(__file__).parent / "policies"
