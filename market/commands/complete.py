"""Completion in the shell: names of runs, scenarios, policies, chips, models and mechanisms.

bash: eval "$(_MARKET_COMPLETE=bash_source market)"      zsh, fish: zsh_source, fish_source
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def _items(names: Iterable[str], incomplete: str, more: str = "") -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    found = [CompletionItem(name) for name in names if name.lower().startswith(incomplete.lower())]
    return [*found, CompletionItem(incomplete, type=more)] if more and not found else found


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete run folders: those under `runs` and those here."""
    folders = sorted(path.parent for pattern in ("runs/*/run.json", "*/run.json") for path in Path().glob(pattern))
    return _items(dict.fromkeys(map(str, folders)), incomplete, "dir")


def scenarios(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete scenarios of the library and files."""
    from market.scenario.load import library

    return _items(library(), incomplete, "file")


def policies(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete policies of the library, of installed packages, and files."""
    from market.policies.load import library

    return _items(library(), incomplete, "file")


def chips(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete chips of the catalogue."""
    from market.cluster.chips import CHIPS

    return _items(CHIPS, incomplete)


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete models whose shape is known."""
    from market.cluster.models import MODELS

    return _items(MODELS, incomplete)


def mechanisms(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete mechanisms that clear a market."""
    from market.clearing import names

    return _items([*names(), "all"], incomplete)
