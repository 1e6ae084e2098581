"""Experiments: policies against the baseline on the same futures and seeds.

    plan = plan_experiment(simulate, "design.yaml")    design/: schema, checks, futures, the plan of runs
    done = run_experiment(plan, engine="local")        engines/: processes, Dask; results/: what runs leave
    print(show(done.out))                              statistics/: what the data say; tell/: sentences and tables

No module here imports the agents: `simulate`, which runs a scenario, is an argument that pickles by reference.
"""
