"""Load a scenario: rows of the catalogue known at its start, what the file says over them, what `--set` says last.

A scenario file is YAML 1.2. `extends` names a scenario to start from, `draw` says which rows to take, every other
key is a section of `market.scenario.schema.Scenario` and overrides by key. A value is plain, or
`{value, as_of, published, source, note}`; null takes an entry out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from market.catalogue.tables import Row
from market.catalogue.vintages import CARRIED, FIRST
from market.scenario import draw as rows
from market.scenario.check import problems_of
from market.scenario.dump import dump_yaml
from market.scenario.errors import Problem, ScenarioError, did_you_mean, refuse, shorten
from market.scenario.machines import problems_of_runs
from market.scenario.overlay import Overlay
from market.scenario.population import PARTS, Population, parse_population
from market.scenario.schema import Scenario
from market.scenario.validate import validate
from market.scenario.yaml_tree import Tree, read_file, read_scalar

LIBRARY = Path(__file__).parent / "library"
EXTENDS_MAX = 8
VINTAGES = ("revised", "strict")


@dataclass(frozen=True)
class Resolved:
    """A scenario ready to run, with the origin of every number.

    Attributes
    ----------
    sources : catalogue row or line of a file behind each dotted key, such as `orgs.openai.revenue_usd_per_year`.
    exempt : dotted keys whose rows are engineering constants and so exempt from the rule of dates.
    dropped : entries of the catalogue left out because the scenario leaves out what they refer to.
    carried : dotted keys whose figure was never known as early as the start, so that a later one is used.
    vintage : revised (later estimates of earlier days are used) or strict (only what was published by the start).
    sha256 : hash over the resolved values: two files that mean the same world have the same hash.
    """

    scenario: Scenario
    sources: dict[str, Row]
    exempt: tuple[str, ...]
    dropped: tuple[str, ...]
    carried: tuple[str, ...]
    vintage: str
    sha256: str

    def dump(self) -> str:
        """Write the resolved scenario as YAML that loads back to the same scenario without the catalogue."""
        return dump_yaml(self.scenario)


def library() -> dict[str, str]:
    """Titles of the scenarios that come with the project, by name."""
    found = {}
    for path in sorted(LIBRARY.glob("*.yaml")):
        title = read_file(path).value.get("title", "")
        found[path.stem] = str(title)
    return found


def load_scenario(name_or_path: str | Path, sets: Mapping[str, str] | None = None) -> Resolved:
    """Resolve a scenario by library name or file, with overrides as on a command line.

    Raises
    ------
    ScenarioError : with exit code 2, for anything wrong in what was written; the text is one line.
    """
    chain = _chain(_find(name_or_path))
    wishes = {key: _wish(key, text) for key, text in (sets or {}).items()}
    vintage = _vintage(chain, wishes.pop("vintage", None))
    population = _population(chain, wishes)
    start, said = (_day(wishes["start"], "--set"), "--set") if "start" in wishes else _start(chain)
    wanted, where = _wanted(chain)
    if start < FIRST and any(choice != "none" for section, choice in wanted.items() if section != "parameters"):
        raise refuse(said, f"must be {FIRST} or later unless parameters alone are drawn, was {start}", "start")
    tree, origin = rows.draw(start, wanted, is_strict=vintage == "strict")
    _refuse_unknown_ids(tree, wanted, where, start)
    overlay = Overlay(tree, origin, start)
    for document in chain:
        overlay.apply(document)
    overlay.add_tail(population)
    for key, value in wishes.items():
        overlay.set(key, value)
    overlay.raise_problems()
    dropped = rows.prune(tree, overlay.written, start, overlay.places)
    scenario = validate(overlay.tree, overlay)
    found = problems_of(scenario, overlay) or list(problems_of_runs(scenario, overlay))
    if found:
        raise ScenarioError(found)
    sources = {".".join(map(str, key)): row for key, row in origin.items() if rows.alive(tree, key)}
    return Resolved(
        scenario=scenario,
        sources=sources,
        exempt=tuple(key for key, row in sources.items() if row.kind == "engineering"),
        dropped=tuple(".".join(map(str, key)) for key in dropped),
        carried=tuple(key for key, row in sources.items() if row.note.startswith(CARRIED)),
        vintage=vintage,
        sha256=digest(scenario),
    )


def _wish(key: str, text: str) -> Any:
    """Read a value of the command line; names and titles are text whatever they look like."""
    return text if key in ("name", "title", "description") else read_scalar(text, f"--set {key[:60]}")


def digest(scenario: Scenario) -> str:
    """Hash the values of a scenario, whatever text they came from."""
    values = json.dumps(scenario.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(values.encode()).hexdigest()


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    text = str(name_or_path)
    if isinstance(name_or_path, str) and "/" not in text and path.suffix not in (".yaml", ".yml"):
        shipped = LIBRARY / f"{text}.yaml"
        if text and shipped.is_file():
            return shipped
        if not path.is_file():
            known = [p.stem for p in sorted(LIBRARY.glob("*.yaml"))]
            hint = did_you_mean(text, known) or f"; there are {', '.join(known)}, or name a YAML file"
            raise refuse("scenario", f"no scenario of this name{hint}", shorten(text))
    return path


def _chain(path: Path) -> list[Tree]:
    """The file and what it extends, the outermost first."""
    chain: list[Tree] = []
    seen: list[Path] = []
    while True:
        document = read_file(path)
        chain.insert(0, document)
        seen.append(path.resolve())
        base = document.value.get("extends")
        if base is None:
            return chain
        where = document.where(("extends",))
        if not isinstance(base, str):
            raise refuse(where, f"must name a scenario, was {shorten(base)}", "extends")
        local = path.parent / base
        path = local if local.suffix in (".yaml", ".yml") and local.is_file() else _find_base(base, where)
        if path.resolve() in seen or len(seen) >= EXTENDS_MAX:
            raise refuse(where, f"{base} extends itself in a circle or too deeply", "extends")


def _find_base(base: str, where: str) -> Path:
    try:
        path = _find(base)
    except ScenarioError as error:
        raise refuse(where, error.problems[0].message, f"extends {base}") from None
    if not path.is_file():
        raise refuse(where, f"no file {shorten(base)} beside this one", "extends")
    return path


def _start(chain: list[Tree]) -> tuple[date, str]:
    """The first day, and where it stands."""
    for document in reversed(chain):
        if "start" in document.value:
            where = document.where(("start",))
            return _day(document.value["start"], where), where
    raise refuse(chain[-1].where(()), "is missing; give the first day, such as 2024-07-15", "start")


def _vintage(chain: list[Tree], wish: Any) -> str:
    """Which vintage is drawn: `--set vintage`, else the last file that says so, else revised."""
    said: list[tuple[Any, str]] = [
        (document.value["vintage"], document.where(("vintage",))) for document in chain if "vintage" in document.value
    ]
    said += [] if wish is None else [(wish, "--set")]
    if not said:
        return "revised"
    vintage, where = said[-1]
    if vintage not in VINTAGES:
        raise refuse(where, f"must be {' or '.join(VINTAGES)}, was {shorten(vintage)}", "vintage")
    return str(vintage)


def _population(chain: list[Tree], wishes: dict[str, Any]) -> Population:
    """Read the tail that is asked for: the last file's part counts, then `--set population.labs=N`."""
    said: dict[str, tuple[Any, str]] = {}
    for document in chain:
        parts = document.value.get("population", {})
        if not isinstance(parts, dict):
            where = document.where(("population",))
            raise refuse(where, f"must be {{{PARTS}}}, was {shorten(parts)}", "population")
        said |= {part: (value, document.where(("population", part))) for part, value in parts.items()}
    for key in [key for key in wishes if key.startswith("population.")]:
        said[key.removeprefix("population.")] = (wishes.pop(key), "--set")
    return parse_population(said)


def _day(raw: Any, where: str) -> date:
    raw = raw["value"] if isinstance(raw, dict) and "value" in raw else raw
    try:
        day = date.fromisoformat(raw)
    except (TypeError, ValueError):
        raise refuse(where, f"must be a date such as 2024-07-15, was {shorten(raw)}", "start") from None
    if not date(2000, 1, 1) <= day <= date(2100, 1, 1):
        raise refuse(where, f"must lie between 2000 and 2100, was {day}", "start")
    return day


def _wanted(chain: list[Tree]) -> tuple[dict[str, rows.Wanted], str]:
    """Which rows to draw, and who says so: the last `draw` counts; files that never draw take all."""
    for document in reversed(chain):
        if "draw" in document.value:
            return _read_draw(document), document.where(("draw",))
    return dict.fromkeys(rows.SECTIONS, "all"), chain[-1].where(())


def _refuse_unknown_ids(tree: rows.Tree, wanted: Mapping[str, rows.Wanted], where: str, start: date) -> None:
    """An id that is asked for by name must have been known at the start."""
    found = [
        Problem(
            where, f"draw.{section}", f"the catalogue knows no {name!r} on {start}{did_you_mean(name, tree[section])}"
        )
        for section, choice in wanted.items()
        if isinstance(choice, list)
        for name in choice
        if not set(name) & set("*?[") and name not in tree[section]
    ]
    if found:
        raise ScenarioError(found)


def _read_draw(document: Tree) -> dict[str, rows.Wanted]:
    raw = document.value["draw"]
    if raw in ("all", "none"):
        return dict.fromkeys(rows.SECTIONS, raw)
    if not isinstance(raw, dict):
        raise refuse(document.where(("draw",)), f"must be all, none or a mapping, was {shorten(raw)}", "draw")
    found: list[Problem] = []
    wanted: dict[str, rows.Wanted] = dict.fromkeys(rows.SECTIONS, "none")
    for section, choice in raw.items():
        where = document.where(("draw", section))
        words: Any = choice if isinstance(choice, list) else None
        if section not in rows.SECTIONS:
            key = document.where(("draw", section), key=True)
            found.append(Problem(key, f"draw.{section}", f"unknown section{did_you_mean(section, rows.SECTIONS)}"))
        elif choice in ("all", "none") or (words is not None and all(isinstance(w, str) for w in words)):
            wanted[section] = choice
        else:
            found.append(
                Problem(where, f"draw.{section}", f"must be all, none or a list of ids, was {shorten(choice)}")
            )
    if found:
        raise ScenarioError(found)
    return wanted
