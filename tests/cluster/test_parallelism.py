"""Plans that exist: legal for the model, the same list whatever the GPUs, and what is fixed stays fixed."""

import numpy as np
import pytest

from market.cluster import MODELS, Fixed, Model, answer, chip, dense_of, mixture_of, work
from market.cluster.constants import fitted
from market.cluster.parallelism import BATCH_SLACK, STAGE_WASTE, divisors, interleaves, plans
from market.cluster.search import feasible, search, time_per_progress, with_plans
from market.cluster.workload import base_case

SHAPES = [*MODELS.values(), dense_of(1e10), dense_of(1e13), mixture_of(1e11)]


@pytest.mark.parametrize("m", SHAPES, ids=lambda m: m.name)
@pytest.mark.parametrize(("domain", "gpus"), [(8, 512), (72, 9_999)])
def test_every_plan_can_be_cut_from_the_model(m: Model, domain: int, gpus: int) -> None:
    p = plans(m, domain, gpus)
    assert len(p.tp) > 20
    assert np.all(m.heads % p.tp == 0)
    assert np.all(p.tp <= domain)
    assert np.all(np.ceil(m.layers / p.pp) * p.pp <= m.layers * (1 + STAGE_WASTE))
    assert np.all((p.pp <= m.layers) & (p.vp <= np.ceil(m.layers / p.pp)))
    assert np.all(p.batch_seqs % (p.dp * p.microbatch) == 0)
    assert np.all(np.abs(p.batch_seqs / m.batch_seqs - 1) <= BATCH_SLACK + 1e-9)
    assert np.all((p.vp == 1) | (p.batch_seqs / (p.dp * p.microbatch) >= p.pp))
    assert np.all(p.ep <= np.maximum(m.experts, 1))
    assert np.all((p.tp * p.dp * p.cp) % p.ep == 0)
    assert np.all(p.gpus == p.tp * p.pp * p.dp * p.cp)
    assert np.all(p.gpus <= gpus)


def test_no_plan_is_listed_twice() -> None:
    p = plans(MODELS["llama-3-70b"], 8, 1024)
    rows = np.stack([p.tp, p.pp, p.vp, p.dp, p.ep, p.cp, p.microbatch, p.batch_seqs], axis=1)
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_microbatches_are_bounded_in_a_pipeline_alone_and_not_where_one_is_given() -> None:
    p = plans(MODELS["llama-3-70b"], 8, 1024, Fixed(pipelined=1))
    assert set(p.microbatch[p.pp > 1]) == {1}
    assert max(p.microbatch[p.pp == 1]) > 1
    whole = plans(MODELS["llama-3-70b"], 8, 1024)
    listed, every = (np.stack([q.tp, q.pp, q.vp, q.dp, q.cp, q.microbatch, q.batch_seqs]) for q in (p, whole))
    assert {*zip(*listed, strict=True)} == {r for r in zip(*every, strict=True) if r[1] == 1 or r[5] == 1}
    assert plans(MODELS["llama-3-70b"], 8, 1024, Fixed(pp=4, microbatch=16)).tp.size


def test_what_is_fixed_stays_fixed() -> None:
    p = plans(MODELS["llama-3-70b"], 8, 1024, Fixed(tp=8, pp=4, dp=32))
    assert set(p.tp) == {8}
    assert set(p.pp) == {4}
    assert set(p.dp) == {32}
    assert len(set(p.vp)) > 1


@pytest.mark.parametrize("name", ["llama-3-70b", "llama-3.1-405b", "dense-1t"])
@pytest.mark.parametrize("gpus", [4_111, 9_999, 16_383, 20_001, 33_333, 50_021])
def test_nearly_all_gpus_have_work_whatever_their_number(name: str, gpus: int) -> None:
    assert answer("H100", gpus, name)["gpus_used"] >= 0.97 * gpus


def test_gpus_left_without_work_are_explained_and_the_best_plan_that_uses_them_is_no_faster() -> None:
    full, small = answer("H100", 16_384, "llama-3.1-405b"), answer("H100", 87, "llama-3-70b")
    large = answer("H100", 40_000, "gpt-3")
    assert (full["idle_because"], full["all_gpus_slower"]) == ("", 0.0)
    assert small["idle_because"] == "copies"
    assert large["idle_because"] == "batch"
    assert large["all_gpus_slower"] > 0.03
    assert answer("H100", 40_000, "gpt-3", batch_seqs=10_000)["gpus_used"] >= 0.97 * 40_000  # the remedy
    assert answer("GB200", 3_000_000, "llama-3.1-405b")["idle_because"] == "failures"


def test_the_best_plan_on_nearly_all_gpus_is_the_best_of_those_that_use_them() -> None:
    """Of every listed plan, timed one by one."""
    m, k = MODELS["llama-3-70b"], fitted()
    case, listed = base_case(chip("H100"), m, gpus=125), plans(m, 8, 125)
    every = feasible(with_plans(case, listed, listed.gpus >= 0.97 * 125), work.sizes(case))
    best = search(case, m, 125, exact=1, least=0.97 * 125)
    assert best.order[0] == pytest.approx(time_per_progress(every, work.sizes(case), k).min(), rel=1e-12)


@pytest.mark.parametrize("n", [1, 7, 12, 2048, 7168])
def test_divisors_divide(n: int) -> None:
    assert [d for d in range(1, n + 1) if n % d == 0] == list(divisors(n))


def test_interleaves_leave_a_layer_to_every_chunk() -> None:
    assert all(12 % v == 0 for v in interleaves(96, 8))
    assert interleaves(96, 1) == (1,)
