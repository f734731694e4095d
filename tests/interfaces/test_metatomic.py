"""The model of metatomic: its calculator has our numbers, and PyTorch differentiates the energies once."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from tolerances import assert_close

import dpa2
from dpa2 import demo, testing
from dpa2.errors import BackendError, InputError, MissingDependency, UnsupportedModel
from dpa2.structures.system import System

torch = pytest.importorskip("torch")
ase = pytest.importorskip("ase")
metatomic = pytest.importorskip("metatomic.torch")
pytest.importorskip("metatomic_ase")

from metatensor.torch import Labels  # noqa: E402
from metatomic.torch.heat_flux import HeatFlux  # noqa: E402
from metatomic_ase import MetatomicCalculator  # noqa: E402

from dpa2.interfaces.metatomic import atomistic_model, interaction_range  # noqa: E402

ROOT = Path(dpa2.__file__).parents[1]
STRAIN = np.array([[1.0, 0.03, -0.02], [0.0, 1.02, 0.04], [0.01, 0.0, 0.98]])


def box(molecules: int, calculator=None, pbc=True):
    """A triclinic box of water whose atoms lie inside and outside of the cell."""
    water = testing.water_box(molecules, seed=molecules)
    shift = np.random.default_rng(molecules).integers(-2, 3, water.coordinates.shape) @ water.cell
    places = (water.coordinates + (shift if pbc is True else 0.0)) @ STRAIN
    return ase.Atoms(water.types, places, cell=water.cell @ STRAIN, pbc=pbc, calculator=calculator)


def calculator(model, **options):
    return MetatomicCalculator(model, check_consistency=True, device="cpu", **options)


def asked(kind: str, selected=None):
    output = metatomic.ModelOutput(unit="eV", sample_kind=kind)
    return metatomic.ModelEvaluationOptions("angstrom", {"energy": output}, selected)


def systems_of(atoms: list, dtype=torch.float64):
    return [metatomic.systems_to_torch(one, dtype=dtype) for one in atoms]


def check(atoms, library: dpa2.Model) -> None:
    """What the calculator of the atoms says is what the model says."""
    expected = library.evaluate(atoms)
    assert_close("libraries", atoms.get_potential_energy(), float(expected.energy))
    assert_close("libraries", atoms.get_forces(), expected.forces)
    assert_close("libraries", atoms.get_potential_energies(), expected.atom_energy)
    if all(atoms.pbc):
        assert_close("deep pullback", atoms.get_stress(voigt=False), expected.stress)


def test_metatomics_calculator_has_the_numbers_of_numpy():
    calc, numpy = calculator(atomistic_model(demo.MODEL)), dpa2.load(demo.MODEL)
    atoms = box(8, calc)
    for seed in range(3):
        check(atoms, numpy)
        atoms.rattle(0.05, seed=seed)
    check(box(3, calc), numpy)
    atoms.set_cell(atoms.cell * 1.02, scale_atoms=True)
    check(atoms, numpy)


@pytest.mark.filterwarnings("ignore:stress requested but likely to be wrong")
@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, False), False])
def test_atoms_may_be_periodic_along_some_axes_or_none(pbc):
    check(box(8, calculator(atomistic_model(demo.MODEL)), pbc), dpa2.load(demo.MODEL))


def test_several_systems_are_evaluated_together():
    calc, numpy = calculator(atomistic_model(demo.MODEL)), dpa2.load(demo.MODEL)
    atoms = [box(8), box(3), box(5)]
    found = calc.compute_energy(atoms, compute_forces_and_stresses=True, per_atom=True)
    expected = [numpy.evaluate(one) for one in atoms]
    assert_close("libraries", found["energy"], [float(out.energy) for out in expected])
    for name, ours in (("forces", "forces"), ("energies", "atom_energy")):
        for one, out in zip(found[name], expected, strict=True):
            assert_close("libraries", one, getattr(out, ours))
    for one, out in zip(found["stress"], expected, strict=True):
        assert_close("deep pullback", one, out.stress)


def test_a_model_in_float32_takes_float32():
    """Metatomic's programs round positions to it, too."""
    model = atomistic_model(demo.WATER)
    assert model.capabilities().dtype == "float32"
    atoms = box(4, calculator(model))
    assert_close("single precision", atoms.get_forces(), dpa2.load(demo.WATER).evaluate(atoms).forces)


def test_capabilities_say_what_the_model_can_do():
    model = atomistic_model(demo.MODEL)
    assert metatomic.is_atomistic_model(model)
    can = model.capabilities()
    assert sorted(can.atomic_types) == [1, 8]
    assert (can.dtype, can.length_unit, list(can.outputs)) == ("float64", "angstrom", ["energy"])
    assert can.outputs["energy"].sample_kind == "atom"
    assert "cpu" in can.supported_devices
    assert model.requested_neighbor_lists() == []
    assert "DPA-2" in str(model.metadata())


def test_atoms_beyond_the_interaction_range_have_no_influence_and_those_within_do():
    """A chain of atoms, of which the last moves."""
    model = dpa2.load(demo.MODEL)
    reach, step = interaction_range(model.config), 1.25
    places = np.arange(0, reach + 3 * step, step)[:, None] * [1.0, 0, 0]
    types = ["O", "H"] * (len(places) // 2) + ["O"] * (len(places) % 2)
    changed = []
    for last in range(1, len(places)):
        moved = places.copy()
        moved[last, 1] += 0.05
        out = [model.evaluate(x[: last + 1], types[: last + 1]).atom_energy[0] for x in (places, moved)]
        changed.append(out[0] != out[1])
    distances = places[1:, 0]
    assert not np.array(changed)[distances > reach].any()
    assert np.array(changed)[distances < reach - model.config.repformer.cutoff].all()


def test_elements_take_the_names_that_the_model_has():
    model = testing.perturbed_model(testing.small_config(types=("OW", "HW")), seed=1)
    plain = testing.perturbed_model(testing.small_config(), seed=1)
    calc = calculator(atomistic_model(model, types={"O": "OW", "H": "HW"}))
    assert_close("libraries", box(3, calc).get_forces(), plain.evaluate(box(3)).forces)


def test_what_cannot_be_is_refused_by_name():
    fitting = dpa2.config.Fitting
    with pytest.raises(InputError, match="metatomic needs a model that predicts energies"):
        atomistic_model(testing.perturbed_model(testing.small_config(fitting=fitting(dipole=dpa2.config.Dipole()))))
    with pytest.raises(UnsupportedModel, match="the model takes frame parameters") as caught:
        atomistic_model(testing.perturbed_model(testing.small_config(fitting=fitting(frame_parameters=2))))
    assert caught.value.what == "frame parameters"
    with pytest.raises(UnsupportedModel, match="the model takes atomic parameters"):
        atomistic_model(testing.perturbed_model(testing.small_config(fitting=fitting(atom_parameters=1))))
    for wrong in ({"skin": -1.0}, {"neighbors": "some"}, {"types": {"Fe": "Xx"}}, {"head": "water"}):
        with pytest.raises(InputError):
            atomistic_model(dpa2.load(demo.MODEL), **wrong)
    iron = ase.Atoms("Fe2", [[0, 0, 0], [2, 0, 0]], calculator=calculator(atomistic_model(demo.MODEL)))
    with pytest.raises(ValueError, match="does not support the atomic type '26'"):
        iron.get_potential_energy()


def energy_of(model, kind: str = "system", selected=None, weights=None):
    """The energy as a function of positions and cells of systems, for PyTorch's check of derivatives."""
    given = systems_of([box(1), box(2)])

    def energy(*tensors):
        moved = [
            metatomic.System(s.types, x, cell, s.pbc)
            for s, x, cell in zip(given, tensors[::2], tensors[1::2], strict=True)
        ]
        values = model(moved, asked(kind, selected), check_consistency=True)["energy"].block().values
        return values if weights is None else (weights * values[:, 0]).sum()

    tensors = [x.detach().clone().requires_grad_() for s in given for x in (s.positions, s.cell)]
    return energy, tensors


def test_energies_of_systems_are_differentiated_by_positions_and_cells():
    energy, tensors = energy_of(atomistic_model(testing.perturbed_model(testing.small_config(), seed=4)))
    assert torch.autograd.gradcheck(energy, tensors, eps=1e-5, atol=1e-6, fast_mode=True)


def test_any_sum_of_energies_of_atoms_is_differentiated_by_positions_and_cells():
    weights = torch.tensor([0.3, -1.0, 2.0, 0.5, 0.0, 1.0, 1.0, -0.7, 0.2], dtype=torch.float64)
    model = atomistic_model(testing.perturbed_model(testing.small_config(), seed=4))
    energy, tensors = energy_of(model, "atom", weights=weights)
    assert torch.autograd.gradcheck(energy, tensors, eps=1e-5, atol=1e-6, fast_mode=True)


def test_selected_atoms_have_their_energies_and_the_derivatives_of_these():
    selected = Labels(["system", "atom"], torch.tensor([[0, 1], [1, 0], [1, 4]]))
    model = atomistic_model(testing.perturbed_model(testing.small_config(), seed=4))
    energy, tensors = energy_of(model, "system", selected)
    everyone, _ = energy_of(model, "atom")
    alone, each = energy(*tensors).detach(), everyone(*tensors).detach()[:, 0]
    assert_close("libraries", alone[:, 0], [each[1], each[3] + each[7]])
    assert torch.autograd.gradcheck(energy, tensors, eps=1e-5, atol=1e-6, fast_mode=True)


def slope(function, step: float = 1e-3):
    """The derivative of a function at 0, by differences of fourth order."""
    near, far = (function(step) - function(-step)), (function(2 * step) - function(-2 * step))
    return (8 * near - far) / (12 * step)


def test_the_heat_flux_of_metatomic_is_that_of_energies_among_images():
    """It differentiates the barycenter of energies of atoms, a sum with weights, with images as atoms of their own."""
    repinit = dpa2.config.Repinit(cutoff=2.6, inner_cutoff=1.2, max_neighbors=60, widths=(4, 8), axis=3, type_dim=5)
    sizes = {"layers": 1, "atom_dim": 6, "pair_dim": 4, "axis": 2, "attention_dim": 5, "pair_attention_dim": 3}
    repformer = dpa2.config.Repformer(cutoff=2.2, inner_cutoff=1.0, max_neighbors=45, **sizes)
    model = testing.perturbed_model(testing.small_config(repinit=repinit, repformer=repformer, three_body=None), seed=4)
    water = testing.water_box(8, seed=8)
    atoms = ase.Atoms(water.types, water.coordinates, cell=water.cell, pbc=True)
    atoms.wrap()
    atoms.set_velocities(np.random.default_rng(1).normal(0, 0.03, (24, 3)))
    atoms.calc = calculator(HeatFlux.wrap(atomistic_model(model)))
    asked_for = {"heat_flux": metatomic.ModelOutput(unit="eV*A/fs", sample_kind="system")}
    found = atoms.calc.run_model(atoms, asked_for)["heat_flux"].block().values.detach().reshape(3).numpy()

    images = [(0, 0, 0), *(s for s in itertools.product((-1, 0, 1), repeat=3) if any(s))]
    r, v = np.concatenate([atoms.positions + s @ atoms.cell for s in images]), np.tile(atoms.get_velocities(), (27, 1))

    def energies(displacement):
        return model.evaluate(r + displacement, list(water.types) * 27).atom_energy[:24]

    barycenter = slope(lambda s: energies(s * v)) @ r[:24]
    leaving = [slope(lambda s, axis=axis: energies(s * r[:, axis : axis + 1] * v).sum()) for axis in range(3)]
    kinetic = 0.5 * atoms.get_masses() * (v[:24] ** 2).sum(axis=1)
    convection = (energies(0.0) + kinetic) @ v[:24]
    unit = metatomic.unit_conversion_factor("(eV/u)^(1/2)", "A/fs")
    assert_close("energy differences", found / unit - convection, barycenter - leaving)


def test_second_derivatives_are_refused_by_name_and_first_ones_may_be_asked_for_with_a_graph():
    energy, tensors = energy_of(atomistic_model(demo.MODEL))
    plain = torch.autograd.grad(energy(*tensors).sum(), tensors)
    slopes = torch.autograd.grad(energy(*tensors).sum(), tensors, create_graph=True)
    assert all(torch.equal(one, other) for one, other in zip(plain, slopes, strict=True))
    with pytest.raises(BackendError, match=r"second derivatives .* use model.hessian"):
        torch.autograd.grad((slopes[0] ** 2).sum(), tensors)


def test_no_systems_are_refused():
    with pytest.raises(InputError, match="there are none to evaluate"):
        atomistic_model(demo.MODEL)([], asked("system"), check_consistency=True)


def test_a_saved_model_is_metatomics_file_and_has_the_same_numbers(tmp_path):
    """In this process, where its operator is known."""
    file = tmp_path / "water.pt"
    atomistic_model(dpa2.load(demo.MODEL), skin=1.0).save(file)
    metatomic.check_atomistic_model(str(file))
    assert "DPA-2" in str(metatomic.read_model_metadata(str(file)))
    atoms = box(8, calculator(file))
    for seed in range(2):
        check(atoms, dpa2.load(demo.MODEL))
        atoms.rattle(0.05, seed=seed)


PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
import ase
from metatomic_ase import MetatomicCalculator
water = ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
try:
    MetatomicCalculator(sys.argv[1])
except RuntimeError as error:
    print("Unknown builtin op: dpa2::energies" in str(error.__cause__))
import dpa2.interfaces.metatomic
water.calc = MetatomicCalculator(sys.argv[1], device="cpu")
print(*water.get_forces().ravel().tolist())
"""


def test_a_saved_model_needs_the_operator_in_the_process_and_nothing_else(tmp_path):
    file = tmp_path / "water.pt"
    atomistic_model(demo.MODEL).save(file)
    words, environment = [sys.executable, "-c", PROGRAM, str(file)], os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    refused, forces = done.stdout.splitlines()
    assert refused == "True"
    expected = dpa2.load(demo.MODEL).evaluate([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
    assert_close("libraries", [float(word) for word in forces.split()], expected.forces.ravel())


def test_neighbors_are_kept_between_steps(monkeypatch):
    module, calls = sys.modules["dpa2.neighbors.search"], []
    search = module.vesin_pairs
    monkeypatch.setattr(module, "vesin_pairs", lambda *arguments: calls.append(1) or search(*arguments))
    atoms = box(8, calculator(atomistic_model(demo.MODEL, skin=1.0)))
    for seed in range(4):
        atoms.get_forces()
        atoms.rattle(0.02, seed=seed)
    assert len(calls) == 1


def test_errors_of_dpa2_come_through_metatomic():
    near = System([[0, 0, 0], [0, 0, 1e-9]], ["O", "H"])
    atoms = ase.Atoms(near.types, near.coordinates, calculator=calculator(atomistic_model(demo.MODEL)))
    with pytest.raises(InputError, match="atoms 0 and 1 are 1e-09 Å apart"):
        atoms.get_potential_energy()


def test_without_metatomic_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "metatomic.torch", None)
    monkeypatch.delitem(sys.modules, "dpa2.interfaces.metatomic")
    with pytest.raises(MissingDependency, match=r"pip install 'dpa2\[metatomic\]'"):
        import_module("dpa2.interfaces.metatomic")
