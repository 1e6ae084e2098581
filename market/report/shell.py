"""What every command shares: errors as lines with an exit code, options, JSON and files. `cli.py` composes it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market.report import complete

if TYPE_CHECKING:
    import polars as pl

FAILED, USAGE, DAMAGED, SOME_FAILED, INTERRUPTED = 1, 2, 3, 4, 130
PROBLEMS_SHOWN = 20
LINE_MAX = 300

type Words = tuple[str, ...]


class Complaint(click.ClickException):
    """One clear line on stderr for each thing that is wrong, and an exit code."""

    def __init__(self, message: str, exit_code: int = USAGE, then: Sequence[str] = ()) -> None:
        super().__init__(" ".join(message.split()))
        self.then = then
        self.exit_code = exit_code  # type: ignore[misc]  # click calls it a class variable and reads the instance's

    def show(self, file: Any = None) -> None:
        """Print the lines."""
        from market.report.console import safe

        for line in (f"market: {self.message}", *self.then):
            click.echo(safe(line), file=file or sys.stderr)


class WithExamples(click.Command):
    """Ends its help with examples."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the examples of the command, each on a line of its own."""
        from market.report.examples import EXAMPLES

        path = ctx.command_path.partition(" ")[2]
        with formatter.section("Examples"):
            for line in EXAMPLES.get(path, ()):
                formatter.write(f"  market {line}\n")


class Group(WithExamples, click.Group):
    """A group whose commands end their help with examples."""

    command_class = WithExamples

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the whole first sentence of its help."""
        rows = [(name, command.get_short_help_str(LINE_MAX)) for name, command in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Commands(Group):
    """Turns whatever a command raises into a line and the right exit code."""

    group_class = Group

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run with the streams that are there: without stdout there is nowhere to answer."""
        if sys.stderr is None:
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for the life of the process
        if sys.stdout is None:
            click.echo("market: stdout is closed: nowhere to print the answer", err=True)
            sys.exit(FAILED)
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a reader that closes our pipe has seen enough."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError, Complaint):
            raise
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else "market"
            raise Complaint(f"{error.format_message()} (see {where} --help)") from None
        except BrokenPipeError:
            _drop_stdout()
            raise click.exceptions.Exit(0) from None
        except (KeyboardInterrupt, click.Abort) as stop:
            raise Complaint(str(stop) or "interrupted", INTERRUPTED) from None
        except Exception as error:
            code = code_of(error)
            if code is None:
                raise
            first, *more = said(error)
            raise Complaint(first, code, [f"market: {line}" for line in more]) from error


def _drop_stdout() -> None:
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
    """Exit code of an error, as its class states it; None for an error of this program itself."""
    if missing_extra(error):
        return FAILED
    return getattr(error, "exit_code", FAILED if isinstance(error, OSError | ValueError | MemoryError) else None)


def said(error: Exception) -> list[str]:
    """Say an error of the system with the file that it is about, and each of many problems in a line."""
    if isinstance(error, OSError) and error.strerror:
        if error.filename is None and error.errno == ENOSPC:  # a file that is full is said with its name
            error.filename = "stdout"
            _drop_stdout()
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


def version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the version and stop."""
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version as installed

        click.echo(f"market {installed('compute-market')}")
        ctx.exit()


# --- options


def run_argument(name: str = "run") -> Callable[[Any], Any]:
    """Take the folder of a run."""
    return click.argument(name, metavar=name.upper(), type=click.Path(path_type=Path), shell_complete=complete.runs)


def outside(_: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Take a file to write; one in the folder of a run is refused."""
    if path is None:
        return None
    from market.runs.folders import outside_runs

    return outside_runs(path)


RUN = run_argument()
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
QUIET = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
POLICY = click.option("--policy", "-p", "policies", multiple=True, envvar="MARKET_POLICY", metavar="POLICY",
                      shell_complete=complete.policies,
                      help="A what-if: NAME, NAME:key=value,... or a file; may be repeated.")  # fmt: skip
SET = click.option("--set", "-s", "sets", multiple=True, envvar="MARKET_SET", metavar="KEY=VALUE",
                   help="Another value for a dotted key of the scenario; may be repeated.")  # fmt: skip
OUT = click.option("--out", "-o", type=click.Path(path_type=Path), envvar="MARKET_OUT", help="Folder of the run.")
FILE = click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), callback=outside,
                    help="File to write instead of stdout.")  # fmt: skip
FORMAT = click.option("--format", "form", type=click.Choice(["table", "json", "csv", "parquet"]), default="table",
                      show_default=True, help="How to print it.")  # fmt: skip


def pair_of(text: str) -> tuple[str, str]:
    """Cut KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise Complaint(f"--set {text}: must read KEY=VALUE, such as parameters.price.margin=0.2")
    return key, value


def number_of(years: str) -> str:
    """Check a number of years before the scenario's schema does."""
    try:
        value = float(years)
    except ValueError:
        value = float("nan")
    if not 0 < value <= 20:
        raise Complaint(f"--years: must be a number above 0 and at most 20, was {years}")
    return repr(value)


def form_of(form: str, as_json: bool, ctx: click.Context) -> str:
    """Settle --format with --json, which is short for one of them; two that differ are refused."""
    from click.core import ParameterSource

    if as_json and form != "json" and ctx.get_parameter_source("form") is ParameterSource.COMMANDLINE:
        raise Complaint(f"--json is --format json; it cannot go with --format {form}")
    return "json" if as_json else form


# --- output


def emit(content: Any, out: Path | None = None) -> None:
    """Print one JSON object, or write it to a file."""
    from market.report.listing import to_json

    put(f"{to_json(content)}\n", out)


def put(text: str, out: Path | None = None) -> None:
    """Print a text, or write it to a file."""
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def write(frame: pl.DataFrame, form: str, out: Path | None) -> None:
    """Write csv or parquet to a file, or to stdout when that is no terminal."""
    from market.report.listing import write_frame

    if form == "parquet" and out is None and sys.stdout.isatty():
        raise Complaint("parquet is no text; name a file with --out, or redirect")
    write_frame(frame, form, out)
