"""Where runs happen: in this process, in processes of this machine, or on a Dask cluster.

serial                for a debugger
local, local:8        processes of this machine (the default)
dask, dask:8          a Dask cluster of this machine
dask://host:port      a Dask scheduler with workers on any machines
"""

from __future__ import annotations

import os

from market.experiments.engines.base import Died, Engine, EngineUnusable

__all__ = ["Died", "Engine", "EngineUnusable", "open_engine", "workers_of"]


def open_engine(name: str) -> Engine:
    """Make the engine of a name; it starts when entered. EngineUnusable when there is none such."""
    kind, _, rest = name.partition(":")
    if name == "serial":
        from market.experiments.engines.serial import SerialEngine

        return SerialEngine()
    if kind == "local":
        from market.experiments.engines.local import LocalEngine

        return LocalEngine(_workers(rest, name))
    if kind == "dask":
        from market.experiments.engines.dask import DaskEngine

        return DaskEngine(address=f"tcp:{rest}") if rest.startswith("//") else DaskEngine(workers=_workers(rest, name))
    raise EngineUnusable(f"--engine: no engine {name!r}; there are serial, local[:N], dask[:N], dask://host:port")


def workers_of(name: str) -> int:
    """How many runs an engine does at a time, before it starts; those of a remote cluster are not known, so one.

    EngineUnusable when there is no engine of the name.
    """
    return max(1, open_engine(name).workers)


def _workers(text: str, name: str) -> int:
    """Read a number of workers; the cores of this machine when none is given. More than cores are refused."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text:
        return cores
    if not text.isdigit() or not int(text):
        raise EngineUnusable(f"--engine: {name!r} names no number of workers, as local:2 does")
    if int(text) > cores:
        raise EngineUnusable(f"--engine: {name!r} asks for more workers than this machine has cores ({cores})")
    return int(text)
