"""Policies: dated interventions over an untouched baseline."""
