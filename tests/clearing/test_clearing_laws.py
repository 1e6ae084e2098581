"""Laws that hold for every mechanism on every book."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from clearing.books import large, small
from hypothesis import given, settings
from hypothesis import strategies as st

from market.clearing import Book, book, clear, names
from market.clearing.book import Room
from market.clearing.registry import OURS

HOME = Path(__file__).parents[2]
every = pytest.mark.parametrize("mechanism", sorted(OURS))
CHEAP = sorted(set(OURS) - {"milp"})


@every
@settings(max_examples=25, deadline=None)
@given(of=small())
def test_nobody_pays_more_than_its_worth_or_less_than_the_reserve_and_the_money_balances(mechanism, of):
    """`clear` refuses an answer that allots more than there is; here the money is added up again from the bids."""
    found, bids = clear(mechanism, of), {bid.id: bid for bid in of.bids}
    total, room = found.account, Room(of)
    worth = paid = cost = 0.0
    for x in found.cleared.allotments:
        asked = bids[x.bid].alternatives[x.alternative]
        worth += asked.value_usd * x.units / asked.units
        paid += x.pays_usd
        cost += room.cost((x.site, x.chip), asked.term) * of.hours * x.units
    assert total.paid_usd == pytest.approx(paid)
    assert total.buyers_usd == pytest.approx(worth - paid)
    assert total.sellers_usd == pytest.approx(paid - cost)
    assert total.buyers_usd + total.sellers_usd == pytest.approx(total.surplus_usd)
    assert total.buyers_usd >= -1e-6
    assert total.sellers_usd >= -1e-6


@every
@settings(max_examples=15, deadline=None)
@given(of=small(), seed=st.integers(0, 99))
def test_the_order_of_a_file_changes_nothing(mechanism, of, seed):
    lots, bids, draw = list(of.lots), list(of.bids), Random(seed)
    draw.shuffle(lots)
    draw.shuffle(bids)
    assert clear(mechanism, book(lots, bids, of.unit, of.kw_per_unit)) == clear(mechanism, of)


@every
@settings(max_examples=15, deadline=None)
@given(of=small())
def test_money_times_1024_multiplies_payments_and_moves_nothing(mechanism, of):
    one, other = clear(mechanism, of).cleared, clear(mechanism, dear(of)).cleared
    assert [x[:5] for x in one.allotments] == [x[:5] for x in other.allotments]
    for a, b in zip(one.allotments, other.allotments, strict=True):
        assert b.pays_usd == 1024 * a.pays_usd


def dear(of: Book) -> Book:
    """The same book in a money of which 1,024 are one."""
    lots = [lot._replace(reserve_usd=1024 * lot.reserve_usd) for lot in of.lots]
    bids = [
        bid._replace(alternatives=tuple(a._replace(value_usd=1024 * a.value_usd) for a in bid.alternatives))
        for bid in of.bids
    ]
    return book(lots, bids, of.unit, of.kw_per_unit)


@settings(max_examples=25, deadline=None)
@given(of=small())
def test_the_program_is_never_worse_than_greedy_and_states_how_far_it_may_be_from_the_best(of):
    program, greedy = clear("milp", of), clear("greedy", of)
    assert program.account.surplus_usd >= greedy.account.surplus_usd * (1 - 1e-9)
    assert program.cleared.gap is not None
    assert 0 <= program.cleared.gap <= 1


@settings(max_examples=12, deadline=None)
@given(of=small())
def test_more_supply_never_lowers_the_bound_of_the_surplus(of):
    more = book([lot._replace(units=lot.units + 1, power_kw=lot.power_kw + 3) for lot in of.lots], of.bids, of.unit,
                of.kw_per_unit)  # fmt: skip
    assert bound(more) >= bound(of) * (1 - 1e-5)


def bound(of: Book) -> float:
    found = clear("milp", of)
    return found.account.surplus_usd / (1 - found.cleared.gap) if found.cleared.gap < 1 else 0.0


@pytest.mark.parametrize("mechanism", ["greedy", "milp", "uniform-price"])
def test_hash_seeds_and_threads_change_no_answer(mechanism):
    """Three processes: two hash seeds, one and two threads."""
    code = (
        "import sys, hashlib; sys.path.insert(0, 'tests')\n"
        "from clearing.books import large; from market.clearing import clear\n"
        f"print(hashlib.sha256(repr(clear({mechanism!r}, large(3, bids=60, sites=5))).encode()).hexdigest())"
    )
    answers = set()
    for seed, threads in (("0", "1"), ("7", "1"), ("7", "2")):
        more = {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        run = subprocess.run([sys.executable, "-c", code], env=os.environ | more, cwd=HOME, capture_output=True,
                             text=True, check=True)  # fmt: skip
        answers.add(run.stdout)
    assert len(answers) == 1


def test_a_large_book_is_cleared_the_same_in_any_order_and_regret_is_told():
    of = large(1, bids=200)
    lots, bids = list(of.lots), list(of.bids)
    Random(5).shuffle(lots)
    Random(6).shuffle(bids)
    found = clear("milp", of)
    assert clear("milp", book(lots, bids, of.unit, of.kw_per_unit)) == found
    assert found.cleared.gap < 0.12
    assert found.account.regret_usd >= 0
    assert clear("greedy", of).account.surplus_usd <= found.account.surplus_usd


def test_scipy_is_not_imported_until_the_program_is_asked_for():
    code = "import sys, market.clearing as c; c.clear('greedy', c.book([], [])); print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", f"import json; {code}"], cwd=HOME, capture_output=True, text=True,
                         check=True)  # fmt: skip
    assert not any(name.partition(".")[0] in ("scipy", "numpy", "polars") for name in json.loads(run.stdout))


@every
def test_an_empty_book_is_cleared_to_nothing(mechanism):
    found = clear(mechanism, book([], []))
    assert found.cleared.allotments == ()
    assert found.account.surplus_usd == 0


def test_our_mechanisms_come_first_in_the_list():
    assert names()[: len(OURS)] == list(OURS)
