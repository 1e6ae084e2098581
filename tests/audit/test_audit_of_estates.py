"""A forced default from its first event to the last claim: what follows, who takes over, what the auditor sees."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from estates import DEFAULTER, causes_from
from worlds import as_table

from agents.simulation import begin
from events import MemoryLog
from market.analytics import TABLES, table
from market.analytics.audit import audit
from market.kernel import replay
from market.policies.load import load_policies
from market.rules.policy import policy_hooks
from market.scenario.load import load_scenario

WEEKS = 40


@pytest.fixture(scope="module")
def run():
    """The default world in which a neocloud is put into default in its third week: state, entries, table."""
    hooks = policy_hooks(load_policies([f"org-default:org={DEFAULTER},from=2024-08-01"]))
    log = MemoryLog()
    simulation = begin(load_scenario("frontier-2024").scenario, 0, log, hooks)
    for _ in range(WEEKS):
        simulation.step()
    entries = list(log.entries())
    return simulation.state, entries, as_table(entries)


def of(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    return frame.filter(pl.col("type") == kind)


def test_the_auditor_agrees_and_replay_gives_the_same_hashes(run):
    _, entries, frame = run
    assert audit(frame.lazy()) == []
    assert sum(1 for _ in replay(entries)) == WEEKS


def test_customers_of_an_org_that_has_left_are_found(run):
    _, _, frame = run
    last = of(frame, "ShareMeasured")["seq"].max()
    altered = frame.with_columns(org=pl.when(pl.col("seq") == last).then(pl.lit(DEFAULTER)).otherwise("org"))
    assert [(each.rule, each.what) for each in audit(altered.lazy())] == [
        ("estates", f"ShareMeasured by {DEFAULTER}, which has left the market")
    ]


def test_tables_agree_with_the_state_after_an_estate_was_sold(run):
    state, _, frame = run
    tables = {name: TABLES[name](frame.lazy()).collect() for name in ("capacity", "leases", "power")}
    expected: Counter[tuple[str, str]] = Counter()
    for held in state.chips.holdings.values():
        for name, gpus in (("owned", held.owned), ("leased_in", held.leased_in), ("leased_out", held.leased_out)):
            expected[f"{held.org} {held.chip}", name] += gpus
    found: Counter[tuple[str, str]] = Counter()
    capacity = tables["capacity"].filter(pl.col("day") == pl.col("day").max())
    for row in capacity.iter_rows(named=True):
        for name in ("owned", "leased_in", "leased_out"):
            found[f"{row['org']} {row['chip']}", name] += row[f"gpus_{name}"]
    assert {key: gpus for key, gpus in found.items() if gpus} == {key: gpus for key, gpus in expected.items() if gpus}
    assert not of(frame, "LeaseAssigned").is_empty()
    in_force = tables["leases"].filter(pl.col("ended_day").is_null())
    assert {
        row["lease_id"]: (row["lessor"], row["lessee"], row["gpus"] + row["gpus_added"], row["gpus_delivered"])
        for row in in_force.iter_rows(named=True)
    } == {x.lease_id: (x.lessor, x.lessee, x.gpus, x.delivered) for x in state.leases.leases.values()}
    power = tables["power"].filter(pl.col("day") == pl.col("day").max())
    owners = dict(power.select("site", "owner").iter_rows())
    assert owners == {site.name: site.owner for site in state.sites.sites.values() if site.name in owners}
    assert of(frame, "LotSold").filter(pl.col("kind") == "site").height


def test_rivals_take_all_gpus_over_within_two_quarters(run):
    state, _, frame = run
    (opened,) = of(frame, "EstateOpened")["day"]
    taken = of(frame, "GpusTransferred")
    assert taken["gpus"].sum() > 0
    assert taken["day"].max() - opened <= 182
    assert not any(h.org == DEFAULTER for h in state.chips.holdings.values())
    assert DEFAULTER not in state.run.orgs
    assert of(frame, "EstateClosed")["kind"].to_list() == ["liquidated"]


def test_what_follows_reaches_more_than_two_links_from_the_default(run):
    _, _, frame = run
    chains = causes_from(frame, DEFAULTER)
    reached = frame.filter(pl.col("seq").is_in(list(chains)))
    assert {"EstateOpened", "LeaseRejected", "LotSold", "ClaimSettled", "LeaseRequested"} <= set(reached["type"])
    assert max(map(len, chains.values())) > 2  # of one chain of causes: the defaulter, a lessee, a lessor that it asks
    named = (set(reached[column].drop_nulls()) for column in ("org", "counterparty", "lessor", "lessee"))
    assert len(set().union(*named)) > 5


def test_the_table_of_estates_sums_to_the_estate(run):
    _, _, frame = run
    rows = table("estates", frame.lazy()).collect()
    (closed,) = of(frame, "EstateClosed")["amount_usd_cents"]
    assert rows["recovered_usd_cents"].sum() == closed
    assert pl.Null not in rows.dtypes
    assert rows["rank"].to_list() == sorted(
        rows["rank"], key=["secured", "administrative", "unsecured", "equity"].index
    )


def altered(frame: pl.DataFrame, kind: str, **values) -> pl.LazyFrame:
    """The log with the first event of a kind changed."""
    (seq, *_) = of(frame, kind)["seq"]
    now = [pl.when(pl.col("seq") == seq).then(value).otherwise(pl.col(name)).alias(name)
           for name, value in values.items()]  # fmt: skip
    return frame.with_columns(now).lazy()


FAULTS = {
    "more recovered than there is": ("ClaimSettled", {"amount_usd_cents": pl.col("amount_usd_cents") + 1}),
    "a claim of another": ("ClaimSettled", {"counterparty": pl.lit("aws")}),
    "a junior rank before a senior one": ("ClaimFiled", {"amount_usd_cents": pl.col("amount_usd_cents") * 1000}),
    "a lot that nobody bid for": ("LotSold", {"amount_usd_cents": pl.col("amount_usd_cents") + 1}),
    "GPUs sold twice": ("GpusTransferred", {"gpus": pl.col("gpus") * 2}),
    "an estate that comes to something else": ("EstateClosed", {"amount_usd_cents": pl.col("amount_usd_cents") + 1}),
    "a loan written off by more than is lost": ("LoanWrittenOff", {"amount_usd_cents": pl.col("amount_usd_cents") + 1}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_auditor_catches(run, fault):
    _, _, frame = run
    kind, values = FAULTS[fault]
    if of(frame, kind).is_empty():
        pytest.skip(f"no {kind} in these weeks")
    assert audit(altered(frame, kind, **values)) != []


def test_the_auditor_catches_who_trades_in_default(run):
    _, _, frame = run
    (opened,) = of(frame, "EstateOpened")["seq"]
    later = frame.filter(pl.col("type") == "OrderPlaced", pl.col("seq") > opened)["seq"][0]
    traded = pl.when(pl.col("seq") == later).then(pl.lit(DEFAULTER)).otherwise(pl.col("org")).alias("org")
    assert any("in default" in finding.what for finding in audit(frame.with_columns(traded).lazy()))


def test_who_has_left_the_market_has_left_its_projects_too(run):
    _, _, frame = run
    exited = of(frame, "OrgExited").filter(pl.col("org") == DEFAULTER)

    def faults(org: str) -> list[str]:
        said = {"type": "ProjectStarted", "org": org, "run_id": "planted", "h100e": 1e9}
        begun = exited.with_columns(pl.lit(value).cast(frame.schema[name]).alias(name) for name, value in said.items())
        found = audit(pl.concat([frame, begun]).sort("seq", maintain_order=True).lazy())
        return [str(finding) for finding in found if finding.rule == "training"]

    assert faults("meta")
    assert not faults(DEFAULTER)
