"""Groups of commands: help that ends with examples, and errors that end as a line with an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from market.commands.errors import code_of, drop_stdout, said
from market.commands.shell import FAILED, INTERRUPTED, Complaint

LINE_MAX = 300


class WithExamples(click.Command):
    """Ends its help with examples."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the examples of the command, each on a line of its own."""
        from market.commands.examples import EXAMPLES

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
            drop_stdout()
            raise click.exceptions.Exit(0) from None
        except (KeyboardInterrupt, click.Abort) as stop:
            raise Complaint(str(stop) or "interrupted", INTERRUPTED) from None
        except Exception as error:
            code = code_of(error)
            if code is None:
                raise
            first, *more = said(error)
            raise Complaint(first, code, [f"market: {line}" for line in more]) from error


def version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the version and stop."""
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version as installed

        click.echo(f"market {installed('compute-market')}")
        ctx.exit()


def command(name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command whose help ends with examples."""
    return click.command(name, cls=WithExamples)


def group(cls: type[Group] = Group) -> Callable[[Callable[..., Any]], Group]:
    """Make a function a group of commands."""
    return click.group(cls=cls)
