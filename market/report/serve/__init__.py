"""A page on this machine to ask what-if questions of a run or a scenario: `market serve`."""
