"""What a person reads: a run's figures as text, facts as lines, causes as sentences."""
