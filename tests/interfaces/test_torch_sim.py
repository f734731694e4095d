"""The model of torch-sim: what `Model.evaluate` says, and dynamics and relaxations of torch-sim that are physics."""

from __future__ import annotations

import sys
from importlib import import_module

import numpy as np
import pytest
from tolerances import assert_close

import dpa2
from dpa2 import demo, testing
from dpa2.errors import InputError, MissingDependency, TooManyNeighbors
from dpa2.structures.system import System

torch = pytest.importorskip("torch")
ts = pytest.importorskip("torch_sim")

from torch_sim.autobatching import BinningAutoBatcher, InFlightAutoBatcher  # noqa: E402
from torch_sim.integrators.md import MDState, calculate_momenta  # noqa: E402
from torch_sim.models.interface import validate_model_outputs  # noqa: E402
from torch_sim.quantities import calc_kinetic_energy, calc_temperature  # noqa: E402
from torch_sim.units import MetalUnits  # noqa: E402

from dpa2.interfaces.torch_sim import DPA2Model  # noqa: E402

NUMBERS = {"O": 8, "H": 1}
MASSES = {"O": 15.999, "H": 1.008}
FS = MetalUnits.time / 1000  # a femtosecond; torch-sim's unit of time is a picosecond
KELVIN = float(MetalUnits.temperature)


def boxes(sizes=(8, 3, 5)) -> list[System]:
    """Boxes of water of different sizes, one of them triclinic."""
    found = [testing.water_box(molecules, seed=molecules) for molecules in sizes]
    strain = np.array([[1.0, 0.03, -0.02], [0.0, 1.02, 0.04], [0.01, 0.0, 0.98]])
    return [System(found[0].coordinates @ strain, found[0].types, found[0].cell @ strain), *found[1:]]


def state_of(systems: list[System], pbc=True, dtype=torch.float64):
    """A state of torch-sim; cells have the lattice vectors as columns."""
    symbols = np.concatenate([system.types for system in systems])
    cells = [np.zeros((3, 3)) if system.cell is None else np.asarray(system.cell).T for system in systems]
    sizes = torch.tensor([len(system.types) for system in systems])
    return ts.SimState(
        positions=torch.tensor(np.concatenate([system.coordinates for system in systems]), dtype=dtype),
        masses=torch.tensor([MASSES[symbol] for symbol in symbols], dtype=dtype),
        cell=torch.tensor(np.stack(cells), dtype=dtype),
        pbc=pbc,
        atomic_numbers=torch.tensor([NUMBERS[symbol] for symbol in symbols]),
        system_idx=torch.repeat_interleave(torch.arange(len(systems)), sizes),
    )


def moving(state, kelvin: float, seed: int = 1):
    """The state with momenta of a temperature, which integrators take as they are."""
    momenta = calculate_momenta(state.positions, state.masses, state.system_idx, torch.tensor(kelvin * KELVIN), seed)
    still = torch.zeros(state.n_systems, dtype=state.dtype)
    return MDState(**vars(state), momenta=momenta, energy=still, forces=torch.zeros_like(momenta))


def water() -> DPA2Model:
    return DPA2Model(demo.WATER, dtype="float64")


def total_energies(state) -> torch.Tensor:
    kinetic = calc_kinetic_energy(momenta=state.momenta, masses=state.masses, system_idx=state.system_idx)
    return state.energy + kinetic


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_torch_sims_own_validation_passes(dtype):
    """It has silicon and iron of its own."""
    model = testing.perturbed_model(testing.small_config(types=("Si", "Fe")), seed=3)
    checked = DPA2Model(model, dtype=dtype)
    assert checked.dtype == getattr(torch, dtype)
    assert checked.device == torch.device("cpu")
    assert checked.memory_scales_with == "n_atoms_x_density"
    validate_model_outputs(checked, checked.device, checked.dtype)


def test_a_batch_of_systems_of_different_sizes_has_the_numbers_of_numpy():
    systems, state = boxes(), state_of(boxes())
    before = {name: value.clone() for name, value in vars(state).items() if torch.is_tensor(value)}
    found = DPA2Model(demo.MODEL)(state)
    expected = [dpa2.load(demo.MODEL).evaluate(system) for system in systems]
    assert_close("libraries", found["energy"], [float(out.energy) for out in expected])
    assert_close("libraries", found["energies"], np.concatenate([out.atom_energy for out in expected]))
    assert_close("libraries", found["forces"], np.concatenate([out.forces for out in expected]))
    assert_close("libraries", found["stress"], [out.stress for out in expected])
    assert all(value.dtype == torch.float64 and not value.requires_grad for value in found.values())
    assert all(torch.equal(value, getattr(state, name)) for name, value in before.items())


def test_a_batch_has_the_numbers_of_each_system_alone():
    model, state = DPA2Model(demo.MODEL), state_of(boxes())
    together, alone = model(state), [model(one) for one in state.split()]
    for name, value in together.items():
        assert_close("batch", value, torch.cat([out[name] for out in alone]), name)


def test_the_stress_is_the_slope_of_the_energy_along_strains():
    """By torch-sim's own rule: the derivative by a strain of positions and cell, per volume."""
    model, (system, *_) = DPA2Model(demo.MODEL), boxes()
    stress = model(state_of([system]))["stress"][0]
    volume, h = abs(np.linalg.det(system.cell)), 1e-5
    for row, column in [(0, 0), (1, 2), (0, 1)]:
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[row, column] += sign * h / 2
            strain[column, row] += sign * h / 2
            moved = System(system.coordinates @ strain, system.types, system.cell @ strain)
            energies.append(float(model(state_of([moved]))["energy"]))
        slope = (energies[0] - energies[1]) / (2 * h) / volume
        assert abs(slope - stress[row, column]) < 1e-6 * stress.abs().max()


@pytest.mark.parametrize("pbc", [(True, True, False), (False, False, True), False])
def test_systems_may_be_periodic_along_some_axes_or_none(pbc):
    systems = [System(system.coordinates, system.types, system.cell, pbc=pbc) for system in boxes((8, 5))]
    found = DPA2Model(demo.MODEL)(state_of(systems, pbc))
    expected = [dpa2.load(demo.MODEL).evaluate(system) for system in systems]
    assert_close("libraries", found["forces"], np.concatenate([out.forces for out in expected]))
    assert found["stress"].isnan().all()
    assert found["stress"].shape == (2, 3, 3)


def test_clusters_need_no_cell():
    system = System(boxes((2,))[0].coordinates, ["O", "H", "H"] * 2)
    found = DPA2Model(demo.MODEL)(state_of([system], False))
    assert_close("libraries", found["forces"], dpa2.load(demo.MODEL).evaluate(system).forces)


def test_results_follow_the_atoms_where_systems_are_numbered_in_another_order():
    model, state = DPA2Model(demo.MODEL), state_of(boxes((3, 3)))
    turned = state.clone()
    turned.system_idx, turned.cell = 1 - turned.system_idx, turned.cell.flip(0)
    found, other = model(state), model(turned)
    assert_close("batch", other["forces"], found["forces"])
    assert_close("batch", other["energies"], found["energies"])
    assert_close("batch", other["energy"], found["energy"].flip(0))


def test_a_dictionary_is_a_state_too():
    model, state = DPA2Model(demo.MODEL), state_of(boxes())
    names = ("positions", "cell", "pbc", "atomic_numbers", "system_idx")
    found = model({name: getattr(state, name) for name in names})
    assert torch.equal(found["forces"], model(state)["forces"])


def test_results_have_the_dtype_of_the_state_whatever_that_of_the_model():
    systems = boxes()
    model = DPA2Model(dpa2.load(demo.MODEL, dtype="float32"))
    wide, narrow = model(state_of(systems)), model(state_of(systems, dtype=torch.float32))
    assert model.dtype == torch.float32
    assert {value.dtype for value in wide.values()} == {torch.float64}
    assert {value.dtype for value in narrow.values()} == {torch.float32}
    assert_close("single precision", narrow["forces"], wide["forces"])
    expected = [dpa2.load(demo.MODEL, dtype="float32").evaluate(system) for system in systems]
    assert_close("reference float32", wide["forces"], np.concatenate([out.forces for out in expected]))


def test_forces_and_stress_are_left_out_where_they_are_not_wanted():
    model = DPA2Model(demo.MODEL, compute_forces=False, compute_stress=False)
    state = state_of(boxes())
    assert set(model(state)) == {"energy", "energies"}
    model.compute_forces, model.compute_stress = True, True
    assert set(model(state)) == {"energy", "energies", "forces", "stress"}


def test_elements_take_the_names_that_the_model_has():
    model = testing.perturbed_model(testing.small_config(types=("OW", "HW")), seed=1)
    plain = testing.perturbed_model(testing.small_config(), seed=1)
    state = state_of(boxes())
    found = DPA2Model(model, types={"O": "OW", "H": "HW"})(state)
    assert torch.equal(found["energy"], DPA2Model(plain)(state)["energy"])


def test_an_element_that_is_no_type_of_the_model_is_refused_by_name():
    state = state_of(boxes((3, 3)))
    state.atomic_numbers[10] = 26
    with pytest.raises(InputError, match="system 1: atom 1 is 'Fe'; the model knows O, H") as caught:
        DPA2Model(demo.MODEL)(state)
    assert (caught.value.atom, caught.value.symbol) == (1, "Fe")
    state.atomic_numbers[10] = 200
    with pytest.raises(InputError, match="atom 1 has 200, the number of no element"):
        DPA2Model(demo.MODEL)(state)


def test_too_many_neighbors_are_refused_or_left_out_as_it_was_said():
    state = state_of(boxes((8,)))
    state.cell, state.positions = 0.7 * state.cell, 0.7 * state.positions
    with pytest.raises(TooManyNeighbors):
        DPA2Model(demo.MODEL)(state)
    system = System(state.positions, ["O", "H", "H"] * 8, state.row_vector_cell[0])
    with pytest.warns(dpa2.TruncationWarning):
        found = DPA2Model(demo.MODEL, neighbors="truncate")(state)
    with pytest.warns(dpa2.TruncationWarning):
        expected = dpa2.load(demo.MODEL).evaluate(system, neighbors="truncate")
    assert_close("libraries", found["forces"], expected.forces)


def test_frame_parameters_are_those_of_all_systems():
    fitting = dpa2.config.Fitting(widths=(7, 7), frame_parameters=2)
    model = testing.perturbed_model(testing.small_config(fitting=fitting), seed=2)
    found = DPA2Model(model, fparam=[0.3, -0.2])(state_of(boxes()))
    expected = [float(model.evaluate(system, fparam=[0.3, -0.2]).energy) for system in boxes()]
    assert_close("libraries", found["energy"], expected)
    with pytest.raises(InputError, match="fparam"):
        DPA2Model(demo.MODEL, fparam=[0.3])


def test_models_of_other_kinds_and_a_head_of_a_model_are_refused():
    dipole = dpa2.config.Fitting(dipole=dpa2.config.Dipole())
    with pytest.raises(InputError, match="torch-sim needs a model that predicts energies"):
        DPA2Model(testing.perturbed_model(testing.small_config(fitting=dipole), seed=1))
    with pytest.raises(InputError, match="is for files"):
        DPA2Model(dpa2.load(demo.MODEL), head="water")


def run(make, state, steps: int, **options) -> tuple[list, object]:
    """The states of a run: copies of each, and the last."""
    begin, step = make
    now = begin(state.clone(), **options)
    states = [now.clone()]
    for _ in range(steps):
        now = step(now)
        states.append(now.clone())
    return states, now


def test_the_energy_of_nve_is_constant_while_it_changes_its_form():
    """Its error is that of velocity Verlet, whose square law a shorter step obeys; both systems of the batch do."""
    model, state = water(), moving(state_of(boxes((4, 6))), 300.0)
    errors = []
    for femtoseconds, steps in ((0.5, 40), (0.25, 80)):
        dt, kT = torch.tensor(femtoseconds * FS), torch.tensor(300 * KELVIN)
        states, _ = run(ts.integrators.nve(model, dt=dt, kT=kT), state, steps)
        total = torch.stack([total_energies(s) for s in states])
        potential = torch.stack([s.energy for s in states])
        exchanged = potential.max(dim=0).values - potential.min(dim=0).values
        error = (total - total[0]).abs().max(dim=0).values
        assert (error < 0.05 * exchanged).all()
        drift = (total[-10:].mean(dim=0) - total[:10].mean(dim=0)).abs()
        assert (drift < 0.01 * exchanged).all()
        errors.append(error)
    ratio = errors[0] / errors[1]
    assert ((ratio > 3) & (ratio < 5)).all()
    momentum = (states[-1].momenta[:12].sum(dim=0), states[0].momenta[:12].sum(dim=0))
    assert_close("libraries", *momentum, scale=float(states[0].momenta.abs().max()))


def test_kept_neighbors_change_no_step_and_are_searched_once(monkeypatch):
    module, calls = sys.modules["dpa2.neighbors.search"], []
    search = module.vesin_pairs
    monkeypatch.setattr(module, "vesin_pairs", lambda *arguments: calls.append(1) or search(*arguments))
    last, state = [], moving(state_of(boxes((4, 6))), 300.0)
    for skin, searches in ((0.0, 2 * 11), (1.0, 2)):
        calls.clear()
        integrator = ts.integrators.nve(
            DPA2Model(demo.WATER, dtype="float64", skin=skin), dt=torch.tensor(0.5 * FS), kT=torch.tensor(0.0)
        )
        last.append(run(integrator, state, 10)[1])
        assert len(calls) == searches
    assert torch.equal(last[0].positions, last[1].positions)
    assert torch.equal(last[0].forces, last[1].forces)


def test_langevin_dynamics_reach_the_temperature_of_the_bath():
    """From 0 K, with a friction time of 5 fs; 12 atoms fluctuate by 24 %, the mean over 30 fs by less."""
    model, state = water(), moving(state_of(boxes((4, 6))), 0.0)
    dt, kT = torch.tensor(0.5 * FS), torch.tensor(300.0 * KELVIN)
    integrator = ts.integrators.nvt_langevin(model, dt=dt, kT=kT, gamma=torch.tensor(1 / (5 * FS)), seed=1)
    torch.manual_seed(5)
    states, _ = run(integrator, state, 100)
    temperatures = torch.tensor(
        [
            [float(calc_temperature(momenta=one.momenta, masses=one.masses)) for one in now.split()]
            for now in states[40:]
        ]
    )
    assert (abs(temperatures.mean(dim=0) - 300) < 75).all()


@pytest.mark.parametrize(("bar", "sign"), [(30000.0, -1), (-30000.0, 1)])
def test_npt_dynamics_follow_the_pressure(bar, sign):
    model, state = water(), state_of(boxes((4, 6)))
    dt, kT = torch.tensor(0.5 * FS), torch.tensor(300.0 * KELVIN)
    pressure = torch.tensor(bar * float(MetalUnits.pressure), dtype=torch.float64) * torch.eye(3)
    integrator = ts.integrators.npt_langevin(
        model, dt=dt, kT=kT, external_pressure=pressure, b_tau=torch.tensor(20 * FS), seed=1
    )
    torch.manual_seed(5)
    states, last = run(integrator, state, 20)
    grown = torch.linalg.det(last.cell).abs() / torch.linalg.det(states[0].cell).abs() - 1
    assert (sign * grown > 1e-3).all()
    out = dpa2.load(demo.WATER, dtype="float64").evaluate(
        System(last.positions[:12], ["O", "H", "H"] * 4, last.row_vector_cell[0])
    )
    assert_close("libraries", last.stress[0], out.stress)


def test_relaxations_swap_systems_in_flight_and_are_those_of_each_system_alone():
    """Systems come and go in the batch, which never holds more than two of them."""
    model = water()
    stretched = [
        System(x.coordinates * f, x.types) for x, f in zip(boxes((1, 2, 1, 3)), (1, 1.02, 1.05, 1), strict=True)
    ]
    state = state_of(stretched, False)
    enough = ts.runners.generate_force_convergence_fn(force_tol=0.3, include_cell_forces=False)
    options = {"model": model, "optimizer": ts.optimizers.fire, "convergence_fn": enough, "steps_between_swaps": 3}
    batcher = InFlightAutoBatcher(model, memory_scales_with="n_atoms", max_memory_scaler=12)
    together = ts.optimize(state, autobatcher=batcher, max_steps=600, **options)
    assert together.n_systems == 4
    assert (ts.quantities.systemwise_max_force(together) < 0.3).all()
    assert (together.energy < model(state)["energy"]).all()
    alone = [ts.optimize(one, autobatcher=False, max_steps=600, **options) for one in state.split()]
    assert_close("deep pullback", together.positions, torch.cat([one.positions for one in alone]))


def test_a_relaxed_cell_has_no_pressure_left():
    model, system = water(), boxes((4,))[0]
    state = state_of([System(system.coordinates * 0.95, system.types, system.cell * 0.95)])
    before = model(state)
    begin, step = ts.optimizers.frechet_cell_fire(model)
    now = begin(state)
    for _ in range(60):
        now = step(now)
    pressures = [float(out["stress"][0].trace()) / -3 for out in (before, model(now))]
    assert pressures[0] > 0
    assert abs(pressures[1]) < 0.2 * pressures[0]
    assert now.energy < before["energy"]


def test_bins_of_systems_run_as_each_system_alone():
    model, state = water(), moving(state_of(boxes((4, 1, 3, 2))), 300.0)
    batcher = BinningAutoBatcher(model, memory_scales_with="n_atoms", max_memory_scaler=15)
    options = {"integrator": ts.integrators.nve, "n_steps": 5, "temperature": 300.0, "timestep": 0.0005}
    together = ts.integrate(state, model, autobatcher=batcher, **options)
    assert len(batcher.batched_states) == 2
    alone = [ts.integrate(one, model, **options) for one in state.split()]
    assert_close("libraries", together.positions, torch.cat([one.positions for one in alone]))
    assert_close("libraries", together.energy, torch.cat([one.energy for one in alone]))


def test_single_points_of_torch_sim_are_those_of_the_model():
    model, state = DPA2Model(demo.MODEL), state_of(boxes())
    wanted = {1: {name: lambda now, _, name=name: getattr(now, name) for name in ("energy", "forces", "stress")}}
    reporter = {"filenames": None, "prop_calculators": wanted}
    batcher = BinningAutoBatcher(model, memory_scales_with=model.memory_scales_with, max_memory_scaler=3000.0)
    found, expected = ts.static(state, model, trajectory_reporter=reporter, autobatcher=batcher), model(state)
    for name in ("energy", "forces", "stress"):
        assert_close("batch", torch.cat([one[name] for one in found]), expected[name], name)


def test_without_torch_sim_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_sim.models.interface", None)
    monkeypatch.delitem(sys.modules, "dpa2.interfaces.torch_sim")
    with pytest.raises(MissingDependency, match=r"pip install 'dpa2\[torch-sim\]'"):
        import_module("dpa2.interfaces.torch_sim")
