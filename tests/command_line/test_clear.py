"""Clearing a book on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clearing.books import large
from command_line.asking import answer, ask, complaint

from market.clearing.registry import OURS
from market.scenario.book import read_book, write_book

LOT = {"site": "hall", "chip": "H100", "region": "texas", "week": 0, "gpus": 1000, "power_kw": 1500,
       "reserve_usd_per_gpu_hour": 1.5}  # fmt: skip
PACKAGE = {"gpus": 800, "chips": ["H100"], "regions": ["texas"], "first_week": 0, "weeks": 1, "contiguous": True,
           "share_min": 1, "value_usd": 400_000}  # fmt: skip


def saved(folder: Path, lots: list[dict], bids: list[dict]) -> Path:
    """Write a book, one line or bid a line."""
    path = folder / "book.json"
    text = ",\n".join(json.dumps(lot) for lot in lots), ",\n".join(json.dumps(bid) for bid in bids)
    path.write_text(f'{{"supply": [\n{text[0]}],\n"bids": [\n{text[1]}]}}\n')
    return path


def test_the_answer_says_who_gets_what_at_which_price(here: Path) -> None:
    bids = [{"id": "x", "buyer": "xai", "alternatives": [PACKAGE]},
            {"id": "y", "buyer": "meta", "alternatives": [PACKAGE | {"value_usd": 300_000}]}]  # fmt: skip
    found = answer("clear", saved(here, [LOT], bids), "--mechanism", "greedy")
    assert [(x["bid"], x["buyer"], x["gpus"]) for x in found["allotments"]] == [("x", "xai", 800)]
    assert found["unserved"] == [{"bid": "y", "buyer": "meta", "gpus": 800}]
    assert found["surplus"] == 400_000 - 800 * 168 * 1.5
    assert found["prices"][0]["price_usd_per_gpu_hour"] == pytest.approx(300_000 / (800 * 168))
    assert found["allotments"][0]["pays_usd"] == pytest.approx(300_000)
    assert found["gap"] is None
    assert answer("clear", here / "book.json", "-m", "milp")["gap"] >= 0


def test_a_book_that_is_written_and_read_is_the_same_book(here: Path) -> None:
    of = large(2, bids=20, sites=3, weeks=52)
    (here / "book.json").write_text(json.dumps(write_book(of)))
    assert read_book(here / "book.json") == of


def test_all_mechanisms_are_compared(here: Path) -> None:
    (here / "book.json").write_text(json.dumps(write_book(large(2, bids=20, sites=3))))
    rows = answer("clear", "book.json", "-m", "all")["rows"]
    assert [row["mechanism"] for row in rows] == list(OURS)
    assert max(row["surplus_share_of_most"] for row in rows) == 1
    assert "water-filling" in ask("clear", "book.json", "-m", "all").stdout


@pytest.mark.parametrize(
    ("lots", "bids", "said"),
    [
        ([LOT | {"gpus": -1}], [], "book.json:2:"),
        ([LOT | {"gpu": 1}], [], "unknown key; did you mean 'gpus'?"),
        ([{key: value for key, value in LOT.items() if "reserve" not in key}], [], "states no reserve; give one of"),
        ([LOT, LOT], [], "book.json:3:1 supply.1: H100 at hall in week 0 stands already in supply.0"),
        ([LOT, LOT | {"week": 1, "region": "iowa"}], [], "hall lies in 'texas', was 'iowa'"),
        ([LOT], [{"id": "x", "buyer": "b", "alternatives": []}], "alternatives"),
        ([LOT], [{"id": "x", "alternatives": [PACKAGE | {"share_min": 2}]}], "must be <= 1, was 2"),
        ([LOT], [{"id": "x", "alternatives": [PACKAGE]}] * 2, "'x' stands already in bids.0; rename one"),
        ([LOT], [{"id": "x", "alternatives": [PACKAGE | {"value_usd": "much"}]}], "must be a number"),
    ],
)
def test_what_is_wrong_in_a_book_is_said_at_its_line(here: Path, lots: list, bids: list, said: str) -> None:
    found = complaint("clear", saved(here, lots, bids), code=2)
    assert said in found
    assert found.startswith("market: book.json:")


def test_a_mechanism_or_file_that_is_not_there_is_refused(here: Path) -> None:
    saved(here, [LOT], [])
    assert "did you mean 'greedy'?" in complaint("clear", "book.json", "-m", "gredy", code=2)
    assert "cannot be read" in complaint("clear", "nothing.json", code=2)
    assert "is a folder" in complaint("clear", here, code=2)


@pytest.mark.parametrize(("market", "week"), [("chips", 10), ("leases", 5), ("on_demand", 11), ("shells", 13)])
def test_the_book_of_a_week_of_a_run_is_cleared_and_saved(here: Path, run: Path, market: str, week: int) -> None:
    words = ("clear", run, "--market", market, "--week", week, "--mechanism", "uniform-price")
    found = answer(*words, "--save", "book.json")
    assert found["allotted_gpus"] > 0
    assert found["surplus"] > 0
    saved = answer("clear", "book.json", "--mechanism", "uniform-price")
    assert saved["allotments"] == found["allotments"]


def test_the_book_of_chips_holds_what_the_log_says_was_offered_and_wanted(here: Path, run: Path) -> None:
    from market.runs.reading import open_run

    opened = open_run(run)
    week_10 = opened.table("clearings").collect().filter(market="chips").filter(day=19919 + 7 * 10 + 6)
    found = answer("clear", run, "--market", "chips", "--week", 10, "--mechanism", "strategic")
    assert found["offered_gpus"] == week_10["offered_gpus"].sum()
    assert found["wanted_gpus"] == week_10["wanted_gpus"].sum()
    assert found["allotted_gpus"] == week_10["gpus"].sum()
    assert found["surplus"] == pytest.approx(week_10["surplus_usd"].sum())


def test_a_book_that_a_run_does_not_have_is_refused(here: Path, run: Path) -> None:
    saved(here, [LOT], [])
    assert "nobody bid for on_demand" in complaint("clear", run, "--market", "on_demand", "--week", 10, code=2)
    assert "closed its last week, 14, before" in complaint("clear", run, "--market", "chips", "--week", 99, code=2)
    assert "this is a file" in complaint("clear", "book.json", "--week", 3, code=2)
    assert "is a folder; of a RUN name the book" in complaint("clear", run, "--week", 3, code=2)


def test_explain_says_how_the_chips_were_shared_out(run: Path) -> None:
    from market.runs.reading import open_run

    given = open_run(run).events("ChipsAllocated").collect().filter(day=19919 + 7 * 10 + 6)
    said = answer("explain", run, given["seq"][0])["chain"][0]["says"]
    assert "shared out" in said
    assert "by strategic" in said


def test_a_comparison_says_what_was_asked_for_and_offered(here: Path, run: Path) -> None:
    found = answer("clear", run, "--market", "chips", "--week", 10)
    text = " ".join(ask("clear", run, "--market", "chips", "--week", 10, "--mechanism", "all").stdout.split())
    asked, offered = f"{found['wanted_gpus']:,}", f"{found['offered_gpus']:,}"
    assert text.startswith(f"{asked} GPUs are asked for and {offered} offered; allotted and unserved are GPUs.")
