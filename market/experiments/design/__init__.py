"""What is asked: the schema of a design, its checks, distributions, futures and the plan of runs."""
