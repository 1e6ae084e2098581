"""Errors as lines, each with the exit code of the command that meets it: the one table."""

from __future__ import annotations

import os
import sys
from errno import ENOSPC

from market.commands.shell import DAMAGED, FAILED, INTERRUPTED, USAGE

PROBLEMS_SHOWN = 20

EXIT_CODES = {
    "builtins.OSError": FAILED, "builtins.ValueError": FAILED, "builtins.MemoryError": FAILED,
    "events.errors.LogError": FAILED, "events.errors.LogDamaged": DAMAGED,
    "events.errors.LogMissing": USAGE, "events.errors.LogExists": USAGE,
    "market.scenario.errors.ScenarioError": USAGE, "market.cluster.tables.ClusterError": USAGE,
    "market.runs.reading.Usage": USAGE, "agents.question.NoSuchThing": USAGE,
    "agents.simulation.PluginUnusable": FAILED, "market.kernel.BehaviourFault": FAILED,
    "market.kernel.ReplayMismatch": DAMAGED,
    "market.clearing.account.Infeasible": FAILED, "market.clearing.registry.NoMechanism": USAGE,
    "market.clearing.registry.MechanismUnusable": FAILED,
    "market.experiments.experiment.ExperimentExists": USAGE, "market.experiments.experiment.KeepLogsWrong": USAGE,
    "market.experiments.experiment.Interrupted": INTERRUPTED,
    "market.experiments.engines.base.EngineUnusable": USAGE, "market.experiments.engines.base.WorkerUnable": FAILED,
    "market.experiments.design.sampling.ExtraMissing": FAILED,
    "market.experiments.results.dataset.ResultMissing": USAGE, "market.experiments.results.store.StoreUnusable": USAGE,
    "market.experiments.results.store.StoreFailed": FAILED,
    "market.truth.questions.QuestionError": USAGE, "market.truth.score.ScoreError": USAGE,
    "market.truth.calibrate.CalibrationError": USAGE,
    "market.truth.posterior.PosteriorError": USAGE, "market.truth.backtest.OriginError": USAGE,
    "market.truth.smoother.SmootherMissing": FAILED, "market.truth.definitions.DefinitionError": USAGE,
    "market.truth.claims.ClaimError": FAILED, "market.truth.forecast.ForecastError": FAILED,
}  # fmt: skip
"""Exit code of each class of errors and of those below it, by name: looking one up imports nothing."""


def _is_stdout_full() -> bool:
    """Whether stdout takes no more: an error of writing names no file, so a line end is tried."""
    try:
        print(flush=True)
    except OSError as error:
        return error.errno == ENOSPC
    return False


def drop_stdout() -> None:
    """Send what is still to be written to stdout nowhere, so that leaving the program does not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


EXTRAS = {
    "altair": "report", "vl_convert": "report", "starlette": "serve", "uvicorn": "serve", "distributed": "dask",
    "dask": "dask", "SALib": "sensitivity",
}  # fmt: skip
"""Optional libraries, by the extra that brings each."""


def missing_extra(error: Exception) -> str:
    """Say which extra brings a library that is not installed; empty for any other error."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if name not in EXTRAS:
        return ""
    return f"this needs {name}: `uv sync --extra {EXTRAS[name]}` in a clone, or the extra of the installed package"


def code_of(error: Exception) -> int | None:
    """Exit code of an error, as the table gives it; None for an error of this program itself."""
    if missing_extra(error):
        return FAILED
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((EXIT_CODES[name] for name in names if name in EXIT_CODES), None)


def said(error: Exception) -> list[str]:
    """Say an error of the system with the file that it is about, and each of many problems in a line."""
    if isinstance(error, OSError) and error.strerror:
        if error.filename is None and error.errno == ENOSPC and _is_stdout_full():
            error.filename = "stdout"
            drop_stdout()
        return [f"{error.filename}: {error.strerror.lower()}" if error.filename else error.strerror.lower()]
    if isinstance(error, MemoryError):
        return ["there is not enough memory"]
    if text := missing_extra(error):
        return [text]
    problems = getattr(error, "problems", ())
    lines = [str(problem) for problem in problems[:PROBLEMS_SHOWN]]
    if len(problems) > PROBLEMS_SHOWN:
        lines.append(f"and {len(problems) - PROBLEMS_SHOWN} more")
    return lines or [str(error)]


def problem_of(error: Exception) -> tuple[str, int] | None:
    """First line and exit code of an error that a user can mend; None for an error of this program itself."""
    code = code_of(error)
    return None if code is None else (said(error)[0], code)
