"""A small sample of the laws of inputs, one seed and all cuts; `python -m tests.inputs --seeds 4` tries them all."""

from __future__ import annotations

import pytest

from tests.campaign import as_kept
from tests.inputs import laws
from tests.inputs.measure import run


@pytest.fixture(scope="module")
def runs():
    """A base and all cuts, as the command would read them: of a seed whose servers are waited for half a year uncut."""
    return {name: as_kept(run(1, parameter)) for name, parameter in {"base": None, **laws.CUTS}.items()}


@pytest.mark.parametrize("cut", laws.CUTS)
def test_a_shared_input_that_is_cut_is_named_felt_and_answered(runs, cut):
    assert laws.is_named(runs, cut).holds
    assert laws.is_felt(runs, cut).holds
    assert laws.is_answered(runs, cut).holds
