"""What runs leave: the store, the metrics that are measured, the dataset and how it is read."""
