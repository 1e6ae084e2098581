"""What an event of an older version reads as today, field by field."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from events import EVENTS, EventInvalid
from events.rows import Rows
from events.schema import encode
from events.upcast import UPCASTS, lift
from tests.events.sample import START_DAY

OPTION = {
    "term_noise": 0.0, "way": "", "counterparty": "", "h100e": 0.0, "cost_usd_per_h100e_hour": 0.0, "wait_weeks": 0.0,
    "slip_share": 0.0, "on_site_power": None,
}  # fmt: skip
ADDED: dict[tuple[str, int], dict[str, Any]] = {
    ("BuildingStarted", 2): {"is_firm": True, "duration_days": None},
    ("BuildingStarted", 3): {"duration_days": None}, ("OptionChosen", 1): OPTION,
    ("OptionRejected", 1): OPTION | {"reason": "not told", "policy": None}, ("OptionRejected", 2): {"policy": None},
    ("LeaseRequested", 1): {"region": "", "chip": ""}, ("LeaseTalksFailed", 1): {"option": None},
    ("QuoteCountered", 1): {"clause": "price", "start_day": None, "end_day": None, "region": None},
    ("OnDemandRepriced", 1): {"lessor": "world"}, ("ServingMeasured", 1): {"tokens_per_s": 0.0},
}  # fmt: skip


@pytest.mark.parametrize("key", ADDED, ids=str)
def test_what_an_older_version_did_not_say_reads_as_nothing_special(key: tuple[str, int]) -> None:
    before = {"org": ["a", "b"]}
    (name, version), columns = lift(key, dict(before))
    assert (name, version) == (key[0], EVENTS[name].version)
    assert columns == before | {field: [value] * 2 for field, value in ADDED[key].items()}


def test_values_that_changed_their_unit_or_their_word_are_changed() -> None:
    assert lift(("OutputMade", 1), {"gpus": [1, 2], "duration_days": [70, 3]})[1] == {
        "gpus": [1, 2], "lead_time_weeks": [10.0, 3 / 7],
    }  # fmt: skip
    started = lift(("BuildingStarted", 1), {"kind": ["greenfield on-site", "next", " on-site"]})[1]
    assert started == {
        "kind": ["greenfield", "next", ""], "on_site_power": [True, False, True], "is_firm": [True] * 3,
        "duration_days": [None] * 3,
    }  # fmt: skip
    reasons = lift(("OrderCancelled", 1), {"reason": ["takes B200", "buyer", "takes "]})[1]["reason"]
    assert reasons == ["takes another chip", "buyer", "takes another chip"]
    run = lift(("TrainingStarted", 1), {"flop": [1e25, 2e25]})[1]
    assert run == {"flop": [1e25, 2e25], "effective_flop": [1e25, 2e25], "experts": [0, 0]}
    assert lift(("ModelReleased", 1), {"flop": [3.0]})[1] == {"flop": [3.0], "effective_flop": [3.0]}


def test_every_step_is_told_here() -> None:
    by_hand = {"OutputMade", "BuildingStarted", "OrderCancelled", "TrainingStarted", "ModelReleased"}
    papers = {"QuoteGiven", "LeaseSigned", "ContractSigned"}  # clauses: `test_log_versions`
    assert {name for name, _ in UPCASTS} == {name for name, _ in ADDED} | by_hand | papers


@pytest.mark.parametrize("whole", [["", "x", "yé", "zz"], ["", "", "", ""]])
def test_texts_of_arrow_are_written_as_those_of_lists_cut_anywhere(whole: list[str]) -> None:
    kind = EVENTS["VolumeReached"]
    for start in range(4):
        for end in range(start + 1, 5):
            texts, count = whole[start:end], end - start
            of = {
                how: Rows(kind, 0, START_DAY, ["a"] * count, [-1] * count, list(range(count)), {
                    "chip": chips, "supplier": ["s"] * count,
                })
                for how, chips in (("list", texts), ("arrow", pa.array(whole)[start:end]))
            }  # fmt: skip
            one, other = (encode([of[how]], 0, 0) for how in ("list", "arrow"))
            assert one.equals(other)
            assert one.column("chip").to_pylist() == texts


def test_a_text_that_is_missing_is_refused() -> None:
    kind = EVENTS["VolumeReached"]
    for chips in (["x", None], pa.array(["x", None]), pa.array(["x", "y", None])[1:]):
        rows = Rows(kind, 0, START_DAY, ["a"] * 2, [-1] * 2, [0, 1], {"chip": chips, "supplier": ["s"] * 2})
        with pytest.raises(EventInvalid, match="chip is null"):
            encode([rows], 0, 0)
