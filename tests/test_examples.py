"""The examples run, and show the numbers they are there to show."""

import doctest
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))


def result_of(name):
    return importlib.import_module(name).main()


@pytest.fixture(scope="module")
def fits():
    return result_of("demo")


def test_all_sets_from_start_2_to_nine_certified_digits(fits):
    found = {fit.data.name: fit.parameter_digits for _, fit in fits}
    assert len(found) == 19
    assert {name: digits for name, digits in found.items() if digits < 9} == {}


def test_nearly_all_sets_from_start_1(fits):
    # From these, rounding may decide whether a path ends in the certified minimum.
    assert sum(fit.parameter_digits >= 9 for fit, _ in fits) >= 17


def test_the_solver_says_so(fits):
    assert all(fit.converged for pair in fits for fit in pair if fit.parameter_digits >= 9)


def test_residual_sums_of_squares(fits):
    # Those of Lanczos1 are 1e-13 from data of size 1, see the demo's notes.
    assert all(fit.rss_digits >= (2 if fit.data.name == "Lanczos1" else 10) for _, fit in fits)


def test_standard_errors_of_the_linear_model_are_the_certified_ones(fits):
    assert all(fit.linear_digits >= (2 if fit.data.name == "Lanczos1" else 9) for _, fit in fits)


def test_standard_errors_from_the_exact_hessian_are_near_the_certified_ones(fits):
    for _, fit in fits:
        ratio = fit.standard_errors / fit.data.standard_deviations
        assert np.all((ratio > 0.8) & (ratio < 1.25)), fit.data.name


def test_figures_are_drawn(fits):
    names = {path.name for path in (EXAMPLES / "output").glob("*.png")}
    assert names >= {"nist_fits.png", "series_radius.png", "preconditioned_minimisation.png"}


def test_series_converges_to_the_nearest_pole():
    result = result_of("series_radius")
    assert result.radius == pytest.approx(np.sqrt(1.25), rel=1e-3)
    assert result.error_inside < 1e-6 < 1 < result.error_outside


def test_hyperdual_second_derivative():
    result = result_of("hyperdual_second_derivative")
    assert result.second_derivative == pytest.approx(9.46307368159660335254, rel=1e-15)
    assert result.error < 1e-15 < 1e-9 < result.best_difference_error


def test_preconditioner_saves_iterations():
    result = result_of("preconditioned_minimisation")
    assert result.difference < 1e-6
    for without, preconditioned in (result.newton, result.linear):
        assert preconditioned.cost * 50 < without.cost


def test_certified_values_belong_to_the_models():
    nist = importlib.import_module("nist")
    for data in nist.load_all():
        if data.name != "Lanczos1":  # its residuals are below the certified digits
            assert data.sum_of_squares(data.parameters) == pytest.approx(data.rss, rel=1e-10)
        observations = data.y.size
        deviation = np.sqrt(data.rss / (observations - data.parameters.size))
        assert deviation == pytest.approx(data.residual_deviation, rel=1e-9)
    assert doctest.testmod(nist).failed == 0
    with pytest.raises(ValueError, match="no set is called"):
        nist.load("Thurber")


@pytest.fixture
def example(monkeypatch, tmp_path):
    """Run an example with other settings; its figure has to appear."""

    def run(name, **settings):
        module = importlib.import_module(name)
        for setting, value in settings.items():
            monkeypatch.setattr(module, setting, value)
        monkeypatch.setattr(module, "FIGURE", tmp_path / f"{name}.png")
        result = module.main()
        assert module.FIGURE.stat().st_size > 10_000
        return result

    return run


def test_arenstorf_orbit_closes(example):
    result = example("arenstorf_orbit")
    assert result.digits < 1e-26  # the data have thirty digits, and the orbit magnifies them
    # What the last bits of the data come to, an integration in doubles may err by, a few times.
    assert 1e-12 < result.rounded < 1e-10
    assert result.doubles < 20 * result.rounded
    assert result.dop853 < 1e-8


def test_pendulum_goes_over_the_top_then_turns(example):
    result = example("pendulum_events")
    assert [len(x) for x in (result.tops, result.turns, result.lowest)] == [5, 8, 12]
    assert max(result.tops) < min(result.turns)
    between = np.searchsorted(result.lowest, result.turns)
    assert np.all(np.diff(between) == 1)  # it passes below once between two turns
    assert result.residual < 1e-15
    assert result.period_error < 5e-16


def test_amplifier_has_the_published_voltages(example):
    result = example("transistor_amplifier")
    assert result.error < 1e-12
    assert result.residual < 1e-15


def test_kepler_period_to_its_last_digits(example):
    twenty, fifty = example("kepler_digits", DIGITS=[20, 50])
    assert fifty.period == "6.2831853071795864769252867665590057683943387987502"
    assert twenty.error < 5e-20
    assert fifty.error < 5e-50
    assert twenty.order < fifty.order


def test_pleiades_meet(example):
    result = example("pleiades")
    assert result.error < 1e-12
    assert [x[1:3] for x in result.encounters] == [(1, 7), (1, 3), (3, 5), (1, 7), (5, 7)]
    time, _, _, distance = min(result.encounters, key=lambda x: x[3])
    assert time == pytest.approx(1.679474, abs=1e-6)
    assert distance == pytest.approx(0.033590, abs=1e-6)


def test_energy_of_the_outer_planets_walks_no_further_than_roundings(example):
    result = example("outer_solar_system", YEARS=10_000)
    assert result.years[-1] == 10_000
    assert np.max(np.abs(result.errors)) < 3 * result.walk[-1] < 1e-13


def test_trojans_librate_as_in_theory(example):
    pytest.importorskip("distributed")
    result = example("asteroids_dask", ANGLES=18, AXES=7)
    theory = importlib.import_module("asteroids_dask").LIBRATION
    assert result.period == pytest.approx(theory, rel=1e-2)
    assert result.drift < 1e-13
    middle = abs(result.angles - 60) < 6, abs(result.axes - 1) < 0.001
    assert result.width[np.ix_(*middle)].max() < 10
    gone, horseshoes, tadpoles = np.bincount(result.kind.ravel())
    assert min(gone, horseshoes) > 10
    assert tadpoles > 40


def test_a_cloud_goes_through_the_flow_map_of_lorenz(example):
    errors = example("lorenz_flow_map", POINTS=60).errors
    assert np.all(np.diff(errors, axis=1) < 0)  # each degree is better,
    factors = errors[-2] / errors[-1]  # and half the radius by 2 to the degree plus one
    np.testing.assert_allclose(np.log2(factors), np.arange(2, 10), atol=0.7)


def test_pelts_are_fitted_by_exact_derivatives(example):
    result = example("fit_ode")
    gauss, newton = result.gauss_newton, result.newton
    np.testing.assert_allclose(gauss.p, newton.p, rtol=1e-9)
    published = importlib.import_module("fit_ode").PUBLISHED
    assert np.all(np.abs(newton.p - published) < 0.5 * result.errors)
    assert newton.steps < 10 < gauss.steps
    last = np.log10(newton.gradients[-3:-1])
    assert last[1] < 1.8 * last[0]  # digits double


def test_the_spectrum_of_lorenz_converges(example):
    result = example("lyapunov_spectrum", TIME=1000.0)
    assert np.all(np.abs(result.deviations) < 4)
    assert np.all(result.spectrum.standard_errors < [0.02, 0.005, 0.02])
    assert result.sum_error < 1e-11
