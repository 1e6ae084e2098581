"""What energy costs: the load of the start is kept, the price moves."""

from __future__ import annotations

from given import START, given

from events.types.sites import CapacityCleared, EnergyPriced


def test_the_load_at_the_start_is_that_of_the_first_word_and_the_price_that_of_the_last():
    world = given()
    world.happened(
        EnergyPriced(region="texas", value=1.0, power_kw_it=100),
        EnergyPriced(region="texas", value=1.3, power_kw_it=900),
        EnergyPriced(region="ohio", value=1.1, power_kw_it=50),
    )
    tariffs = world.state.sites.tariffs
    texas, ohio = tariffs["texas"], tariffs["ohio"]
    assert (texas.start_kw, texas.rise) == (100, 1.3)
    assert (ohio.start_kw, ohio.rise) == (50, 1.1)


def test_capacity_is_kept_by_the_first_day_of_its_year():
    world = given()
    world.happened(
        CapacityCleared(value=270.0, start_day=START, power_kw_facility=1),
        CapacityCleared(value=330.0, start_day=START + 365, power_kw_facility=1),
    )
    assert world.state.sites.capacity == {START: 270.0, START + 365: 330.0}
