"""What a person reads: a run's figures as text, events as lines, causes as sentences."""
