"""Output: a run's figures as text, events as lines, causes as sentences."""
