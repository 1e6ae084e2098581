"""What a dataset says: paired effects, intervals, robustness, sensitivity, scenario discovery, tipping points."""
