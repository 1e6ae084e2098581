"""Experiments: policies against the baseline on the same futures and seeds.

    plan = plan_experiment("design.yaml")              checked: experiment.py, plan.py, design.py
    done = run_experiment(plan, engine="local")        engines/, drive.py, worker.py, store.py, gather.py
    print(show(done.out))                              results.py, pairing.py, robustness.py, sensitivity.py, prim.py

Nothing here imports the people: `simulate` is named by a plan and imported by the worker that runs it.
"""
