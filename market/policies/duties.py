"""Numbers of a region that policies alone set: duties of its loads and permits for them, 0 where there is none."""

from __future__ import annotations

DUTIES: dict[str, str] = {
    "curtailment_hours_per_year": "hours a year in which loads are switched off",
    "non_firm_mw": "IT power connected without works for it to loads that may be switched off, MW",
    "non_firm_hours_per_year": "hours a year in which loads that are not firm are switched off",
    "shell_time_saved": "part of the planned days of new shells that faster permits save",
    "minimum_take_share": "part of the energised power that is paid for whether it is used or not",
}


def is_duty(parameter: str) -> bool:
    """Whether a parameter is such a number of a region: its baseline is 0 in every scenario."""
    head, _, rest = parameter.partition(".")
    return head == "regions" and rest.rpartition(".")[2] in DUTIES
