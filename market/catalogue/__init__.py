"""The sourced numbers."""
