"""What `market scenario check` passes, `market run` runs: worlds with a piece taken out, or a number at its bounds."""
