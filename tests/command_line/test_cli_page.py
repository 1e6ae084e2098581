"""What the documentation shows is what the program does."""

import re
import shlex
from pathlib import Path

from command_line.asking import WITH_CHARTS, ask
from experiments.extras import needs

import cli
from market.catalogue.tables import table

HOME = Path(__file__).parents[2]
PAGE = (HOME / "docs" / "cli.md").read_text()
README = (HOME / "README.md").read_text()


def test_every_example_of_the_page_runs(here):
    examples = re.findall(r"^\$ market (.*)$", PAGE, re.MULTILINE)
    assert len(examples) > 20
    with_charts = [line for line in examples if line.split()[0] in WITH_CHARTS]
    for line in [*(line for line in examples if line not in with_charts), *with_charts]:
        if line in with_charts:
            needs("altair")
        result = ask(*shlex.split(line))
        assert result.exit_code == 0, (line, result.output)
        assert result.stdout, line


def test_every_command_has_its_place_on_the_page():
    for name, command in cli.main.commands.items():
        for path in [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]:
            assert f"market {path}" in PAGE, path


def test_the_two_commands_of_the_readme_are_those_that_the_checks_run():
    script = (HOME / ".ci" / "run").read_text()
    shown = re.findall(r"^    (python3 -m .*)$", README, re.MULTILINE)
    assert len(shown) == 2
    assert "README.md" in script


def test_every_option_of_run_is_explained():
    command = cli.main.commands["run"]
    for option in command.params:
        for name in option.opts:
            if name.startswith("--") and name != "--json":
                assert f"`{name}" in PAGE, name


def test_the_readme_says_how_much_is_assumed_and_shows_the_first_lines_of_a_report(run):
    rows = table("parameters")
    assert "More than four in five parameters of the model are assumptions" in README
    assert sum(row.kind == "assumption" for row in rows) > 0.8 * len(rows)
    text = ask("run", "--years", "0.3", "--out", run).stdout
    for label in re.findall(r"^(Compute|Held back|Prices|Tightness|Assumed) ", text, re.MULTILINE):
        assert f"\n{label}" in README
