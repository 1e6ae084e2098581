"""Talks that are lost to another offer name it; the reason is the term on which it was better."""

from __future__ import annotations

import polars as pl

from market.analytics.refusals import BETTER, refusals
from market.report.sentences import sentence


def test_the_offer_that_won_is_one_that_the_org_was_weighing(year_run):
    log = year_run.frame
    failed = log.filter(pl.col("type") == "LeaseTalksFailed")
    lost = failed.filter(pl.col("option").is_not_null())
    assert lost.height > 20
    weighed = log.filter(pl.col("type").is_in(["OptionChosen", "OptionRejected"])).select("org", "option").unique()
    quotes = {f"{way} {name}" for name in log["quote_id"].drop_nulls().unique() for way in ("lease", "contract")}
    named = set(weighed.rows())
    for lessee, option, request in lost.select("lessee", "option", "request_id").rows():
        # of buildings the best of each way alone is told
        is_own = option.startswith(("own site", "leased ", "brownfield ", "greenfield "))
        assert option in quotes or (lessee, option) in named or is_own, option
        own = log.filter((pl.col("type") == "QuoteGiven") & (pl.col("request_id") == request))["quote_id"]
        assert not any(option.endswith(f" {name}") for name in own), "lost to itself"


def test_no_talks_end_over_price_on_the_day_on_which_a_rival_is_signed_without_its_name(year_run):
    log = year_run.frame
    signed = (
        log.filter(pl.col("type").is_in(["LeaseSigned", "ContractSigned"])).select("day", "lessee", "kind").unique()
    )
    asked = log.filter(pl.col("type") == "LeaseRequested").select("request_id", "kind")
    failed = log.filter((pl.col("type") == "LeaseTalksFailed") & (pl.col("reason") == "price")).drop("kind")
    both = failed.join(asked, on="request_id").join(signed, on=["day", "lessee", "kind"])
    assert both.height > 5
    assert both["option"].null_count() == 0


def test_refusals_tell_what_was_lost_from_what_failed(year_run):
    found = refusals(year_run.frame.lazy()).collect()
    talks = found.filter(pl.col("type") == "LeaseTalksFailed")["why"]
    named = year_run.frame.filter(pl.col("type") == "LeaseTalksFailed")["option"].drop_nulls().len()
    assert talks.str.starts_with(BETTER).sum() == named > 0
    assert not found.filter(pl.col("type") != "LeaseTalksFailed")["why"].str.starts_with(BETTER).any()


def test_the_sentence_names_the_offer_that_won():
    fields = {"lessee": "xai", "lessor": "azure", "h100e": 1000.0, "reason": "price"}
    assert sentence("LeaseTalksFailed", fields) == "Talks of xai with azure over 1,000 H100e failed: price."
    assert sentence("LeaseTalksFailed", fields | {"option": "lease oracle/quote/2"}) == (
        "Talks of xai with azure over 1,000 H100e failed: price, on which lease oracle/quote/2 was better."
    )
