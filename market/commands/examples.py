"""Examples of every command, as its --help prints them. A test checks that each is understood."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": ("run --years 3", "experiment --policy power-moratorium --runs 20"),
    "run": ("run --years 3", "run --seed 1 --policy power-moratorium --out moratorium", "run mine.yaml --resume"),
    "fork": ("fork RUN --at 2025-06-30 --policy power-moratorium", "fork RUN --at 2025-06-30 --years 5"),
    "replay": ("replay RUN", "replay RUN --until 2025-06-30 --json"),
    "events": (
        "events RUN --type LeaseSigned --org openai --since 2025-01-01", "events RUN --format csv -o events.csv",
        "events --schema",
    ),
    "query": (
        'query RUN "SELECT lessor, lessee, gpus FROM leases ORDER BY gpus DESC LIMIT 10"',
        'query RUN "SELECT * FROM prices" --format parquet -o prices.parquet',
    ),
    "export": ("export RUN -o folder",),
    "leases": ("leases RUN --tree openai",),
    "report": ("report RUN -o report.html", "report RESULT -o experiment.html"),
    "plot": ("plot prices RUN -o prices.svg",),
    "runs": ("runs", "runs elsewhere"),
    "verify": ("verify RUN", "verify RUN --deep"),
    "diff": ("diff RUN FORK",),
    "compare": ("compare RUN FORK", "compare RUN FORK --json"),
    "explain": ("explain RUN 4000",),
    "decide": ("decide --gpus 100000 --chip GB300 --by 2026-06-01", "decide --gpus 50000 --chip H100 --by 2025-01-01"),
    "experiment run": (
        "experiment --policy power-moratorium --runs 20", "experiment design.yaml --dry-run",
        "experiment design.yaml --engine local:2 --out result", "experiment show result",
        "experiment design.yaml --engine dask://localhost:8786 --out s3://bucket/result",
    ),
    "experiment show": ("experiment show result", "experiment show result --week 52"),
    "experiment metrics": ("experiment metrics",),
    "forecast": ("forecast --futures 100 --out f.json", "forecast --questions questions.csv --out f.json"),
    "score": ("score forecast.json --observed observed.csv",),
    "backtest": ("backtest --origins 2024-06-30 --futures 20",),
    "calibrate": ("calibrate",),
    "claims": ("claims --seeds 20",),
    "scenario": ("scenario list",),
    "scenario list": ("scenario list",),
    "scenario show": ("scenario show frontier-2024", "scenario show mine.yaml --yaml"),
    "scenario check": ("scenario check mine.yaml", "scenario check frontier-2024 --set price.margin=0.2"),
    "scenario schema": ("scenario schema > scenario.schema.json",),
    "scenario init": ("scenario init mine.yaml",),
    "policy": ("policy list",),
    "policy list": ("policy list",),
    "policy show": ("policy show power-moratorium", "policy show export-controls:from=2025-01-01"),
    "policy check": ("policy check mine.yaml",),
    "cluster": (
        "cluster --chip GB200 --gpus 100000 --model gpt-4", "cluster --chip H100 --gpus 1024 --model gpt-3 --plans 5",
        "cluster --grid cases.csv --out answers.csv",
    ),
    "clear": (
        "clear book.json", "clear book.json --mechanism milp --json", "clear book.json -m all",
    ),
    "serve": ("serve frontier-2024", "serve RUN --port 8080"),
    "doctor": ("doctor",),
}  # fmt: skip
