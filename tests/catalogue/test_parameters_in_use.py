"""Every parameter that code reads is one of the catalogue's, or one that the start works out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from market.kernel import Kernel
from market.policies.names import AT_THE_START

ROOT = Path(__file__).parents[2]
FOLDERS = ("market/rules", "agents", "market/scenario", "market")
BOOK = "book.py"  # names rows of a book, not parameters
CODE = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py")) if path.name != BOOK]
DOTTED = re.compile(r"[a-z]+\.[a-z0-9_]+(\.[a-z0-9_]+)*")


def names() -> Iterator[tuple[str, str]]:
    """Names of parameters as code writes them: (where, regular expression)."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, re.escape(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [re.escape(x.value) if isinstance(x, ast.Constant) else "[^.]+" for x in node.values]
                if isinstance(node.values[0], ast.Constant) and "." in node.values[0].value:
                    yield path.name, "".join(parts)


def known(run) -> dict[str, float]:
    kernel: Kernel = run.kernel
    return kernel.state.run.parameters


def test_every_parameter_that_code_names_is_known(short_run, frontier):
    parameters = known(short_run)
    families = {name.split(".")[0] for name in parameters} | {"supply", "rest"}
    orgs = {f"orgs.{org}.{name}" for org in frontier.orgs for name in ("captive_share", "prepaid_share")}
    missing = []
    for where, pattern in names():
        head, _, rest = pattern.partition(r"\.")
        if (
            head not in families
            or not rest
            or not DOTTED.fullmatch(re.sub(r"\[\^\.\]\+", "x", pattern).replace("\\", ""))
        ):
            continue
        if not any(re.fullmatch(pattern, name) for name in (*parameters, *orgs)):
            missing.append((where, pattern.replace("\\", "")))
    assert [each for each in missing if each[1] not in OPTIONAL and not each[1].startswith("orgs.")] == []


OPTIONAL = {  # what only policies set: read with a default
    "regions.[^.]+.levy_usd_per_mwh", "regions.[^.]+.plant_levy_usd_per_mwh",
    "regions.[^.]+.curtailment_hours_per_year",
    "regions.[^.]+.non_firm_hours_per_year", "regions.[^.]+.non_firm_mw", "regions.[^.]+.minimum_take_share",
    "regions.[^.]+.shell_time_saved",
}  # fmt: skip


def test_what_a_policy_may_not_set_is_read_at_the_start_alone():
    started = {"start.py", "start_books.py", "standing.py", "calibrate.py", "population.py"}
    later = {pattern.replace("\\", "") for where, pattern in names() if where not in started}
    assert sorted(AT_THE_START & later) == []


def unused(run) -> list[str]:
    """Parameters that no code names."""
    patterns = [re.compile(pattern) for _, pattern in names()]
    return [name for name in sorted(known(run)) if not any(p.fullmatch(name) for p in patterns)]


def test_most_parameters_are_read(short_run):
    assert len(unused(short_run)) < 0.1 * len(known(short_run))


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(ROOT / "tests"))
    from worlds import WORLD, simulate

    from market.scenario.load import load_scenario

    print("\n".join(unused(simulate(load_scenario(WORLD, {}).scenario, 0, 1))))
