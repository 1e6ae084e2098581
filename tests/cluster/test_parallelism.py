"""Plans that exist: legal for the model, the same list whatever the GPUs, and what is fixed stays fixed."""

import numpy as np
import pytest

from market.cluster import MODELS, Fixed, Model, dense_of, mixture_of
from market.cluster.parallelism import STAGE_WASTE, divisors, interleaves, plans

SHAPES = [*MODELS.values(), dense_of(1e10), dense_of(1e13), mixture_of(1e11)]


@pytest.mark.parametrize("m", SHAPES, ids=lambda m: m.name)
@pytest.mark.parametrize("domain", [8, 72])
def test_every_plan_can_be_cut_from_the_model(m: Model, domain: int) -> None:
    p = plans(m, domain)
    assert len(p.tp) > 50
    assert np.all(m.heads % p.tp == 0)
    assert np.all(p.tp <= domain)
    assert np.all(np.ceil(m.layers / p.pp) * p.pp <= m.layers * (1 + STAGE_WASTE))
    assert np.all((p.pp <= m.layers) & (p.vp <= np.ceil(m.layers / p.pp)))
    assert np.all(m.batch_seqs % (p.dp * p.microbatch) == 0)
    assert np.all(p.ep <= np.maximum(m.experts, 1))
    assert np.all(p.ep <= p.tp * p.dp * p.cp)
    assert np.all(p.gpus == p.tp * p.pp * p.dp * p.cp)


def test_no_plan_is_listed_twice() -> None:
    p = plans(MODELS["llama-3-70b"], 8)
    rows = np.stack([p.tp, p.pp, p.vp, p.dp, p.ep, p.cp, p.microbatch], axis=1)
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_what_is_fixed_stays_fixed() -> None:
    p = plans(MODELS["llama-3-70b"], 8, Fixed(tp=8, pp=4, dp=32))
    assert set(p.tp) == {8}
    assert set(p.pp) == {4}
    assert set(p.dp) == {32}
    assert len(set(p.vp)) > 1


@pytest.mark.parametrize("n", [1, 7, 12, 2048, 7168])
def test_divisors_divide(n: int) -> None:
    assert [d for d in range(1, n + 1) if n % d == 0] == list(divisors(n))


def test_interleaves_leave_a_layer_to_every_chunk() -> None:
    assert all(12 % v == 0 for v in interleaves(96, 8))
    assert interleaves(96, 1) == (1,)
