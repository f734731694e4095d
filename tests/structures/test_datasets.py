"""Data sets on disk, in both layouts: what is read, and which files are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpa2.data import Dataset, read_dataset
from dpa2.errors import FormatError
from dpa2.structures.system import checked

CELL = np.array([[9.0, 0, 0], [1, 8, 0], [0, 2, 7]])


def numbers(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def write_set(folder, frames, atoms, seed=0, **arrays):
    """One `set.*`; `None` leaves a file out."""
    folder.mkdir(parents=True)
    usual = {
        "coord": numbers(frames, 3 * atoms, seed=seed),
        "box": np.tile(CELL.ravel(), (frames, 1)),
        "energy": numbers(frames, seed=seed + 1),
        "force": numbers(frames, 3 * atoms, seed=seed + 2),
    }
    for name, array in {**usual, **arrays}.items():
        if array is not None:
            np.save(folder / f"{name}.npy", array)


def write_system(place, types=(0, 1, 1), names="O\nH\n", frames=3, sets=1, **arrays):
    place.mkdir(parents=True)
    (place / "type.raw").write_text("\n".join(map(str, types)))
    if names is not None:
        (place / "type_map.raw").write_text(names)
    for k in range(sets):
        write_set(place / f"set.{k:03d}", frames, len(types), seed=10 * k, **arrays)
    return place


def write_mixed(place, types, names="O\nH\n", **arrays):
    """The mixed layout, with a row of types for each frame."""
    types = np.asarray(types)
    own = {"real_atom_types": types, **arrays}
    return write_system(place, [0] * types.shape[1], names, len(types), **own)


# What is read


def test_frames_are_those_of_the_files(tmp_path):
    place = write_system(tmp_path / "ice")
    data = read_dataset(place)
    assert (len(data), data.type_map) == (3, ("O", "H"))
    for k, frame in enumerate(data):
        stored = {name: np.load(place / "set.000" / f"{name}.npy")[k] for name in ("coord", "box", "energy", "force")}
        assert np.array_equal(frame.system.coordinates, stored["coord"].reshape(3, 3))
        assert np.array_equal(frame.system.cell, CELL)
        assert frame.system.types.tolist() == [0, 1, 1]
        assert frame.energy == stored["energy"]
        assert np.array_equal(frame.forces, stored["force"].reshape(3, 3))
        assert frame.name == frame.system.name == f"{place / 'set.000'} frame {k}"
        checked(frame.system, data.type_map)


def test_missing_labels_are_none(tmp_path):
    frame = read_dataset(write_system(tmp_path / "ice", energy=None, force=None))[0]
    assert (frame.energy, frame.forces, frame.virial, frame.atom_energy, frame.atom_pref) == (None,) * 5
    assert (frame.system.frame_parameters, frame.system.atom_parameters) == (None, None)


def test_all_labels_and_parameters_are_read(tmp_path):
    extra = {
        "virial": numbers(3, 9),
        "atom_ener": numbers(3, 3),
        "atom_pref": numbers(3, 3, seed=1),
        "fparam": numbers(3, 2),
        "aparam": numbers(3, 3 * 4),
    }
    frame = read_dataset(write_system(tmp_path / "ice", **extra))[1]
    assert np.array_equal(frame.virial, extra["virial"][1].reshape(3, 3))
    assert np.array_equal(frame.atom_energy, extra["atom_ener"][1])
    assert np.array_equal(frame.atom_pref, extra["atom_pref"][1])
    assert np.array_equal(frame.system.frame_parameters, extra["fparam"][1])
    assert np.array_equal(frame.system.atom_parameters, extra["aparam"][1].reshape(3, 4))


def test_coefficients_of_energies_and_generalised_coordinates_are_read(tmp_path):
    extra = {"atom_ener_coeff": numbers(3, 3), "drdq": numbers(3, 3 * 3 * 2, seed=1)}
    frame = read_dataset(write_system(tmp_path / "ice", **extra))[1]
    assert np.array_equal(frame.energy_coefficients, extra["atom_ener_coeff"][1])
    assert np.array_equal(frame.generalized, extra["drdq"][1].reshape(3, 3, 2))
    plain = read_dataset(write_system(tmp_path / "plain"))[1]
    assert (plain.energy_coefficients, plain.generalized) == (None, None)


@pytest.mark.parametrize(("name", "numbers_"), [("atom_ener_coeff", 3 * 4), ("drdq", 3 * 10)])
def test_labels_of_another_size_are_refused_by_file(tmp_path, name, numbers_):
    place = write_system(tmp_path / "ice", **{name: numbers(numbers_)})
    with pytest.raises(FormatError, match="does not fit 3 frames of 3 atoms") as caught:
        read_dataset(place)
    assert caught.value.file == str(place / "set.000" / f"{name}.npy")


def test_single_precision_becomes_double(tmp_path):
    extra = {name: numbers(3, 9).astype(np.float32) for name in ("coord", "force", "virial", "box")}
    frame = read_dataset(write_system(tmp_path / "ice", energy=numbers(3).astype(np.float32), **extra))[2]
    assert isinstance(frame.energy, float)
    for array in (frame.system.coordinates, frame.system.cell, frame.forces, frame.virial):
        assert (array.dtype, type(array)) == (np.float64, np.ndarray)
    assert np.array_equal(frame.forces.ravel(), extra["force"][2])


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 1, 1)])
def test_the_rank_of_a_file_does_not_matter(tmp_path, shape):
    energy = numbers(3).reshape(shape)
    arrays = {"energy": energy, "coord": numbers(3, 3, 3), "box": np.tile(CELL, (3, 1, 1))}
    frame = read_dataset(write_system(tmp_path / "ice", **arrays))[1]
    assert frame.energy == energy.ravel()[1]
    assert np.array_equal(frame.system.coordinates, arrays["coord"][1])
    assert np.array_equal(frame.system.cell, CELL)


def test_sets_follow_each_other_in_the_order_of_their_names(tmp_path):
    place = write_system(tmp_path / "ice", sets=3, frames=2)
    (place / "set.999").write_text("a file, not a set")
    names = [frame.name for frame in read_dataset(place)]
    assert names == [f"{place / f'set.{k:03d}'} frame {i}" for k in range(3) for i in range(2)]


def test_an_empty_set_has_no_frames(tmp_path):
    place = write_system(tmp_path / "ice", frames=2)
    write_set(place / "set.001", 0, 3)
    write_set(place / "set.002", 1, 3)
    assert [f.name.split("set.")[1] for f in read_dataset(place)] == ["000 frame 0", "000 frame 1", "002 frame 0"]


def test_directories_are_searched_at_any_depth(tmp_path):
    for name in ("b", "a/deep/er", "a/first"):
        write_system(tmp_path / "all" / name, frames=1)
    write_system(tmp_path / "other", frames=1)
    top = tmp_path / "all"
    places = [top / "a/deep/er", top / "a/first", top / "b"]
    assert [f.name for f in read_dataset(top)] == [f"{p / 'set.000'} frame 0" for p in places]
    both = read_dataset([tmp_path / "other", str(top / "b")])
    assert [f.name for f in both] == [f"{p / 'set.000'} frame 0" for p in (tmp_path / "other", top / "b")]


def test_types_are_translated_by_name(tmp_path):
    write_system(tmp_path / "x" / "a", (0, 1, 1), "O\nH\n")
    write_system(tmp_path / "x" / "b", (0, 1, 2), "H\nC\nO\n")
    data = read_dataset(tmp_path / "x", type_map=["H", "O", "C"])
    assert data.type_map == ("H", "O", "C")
    assert [s[0].system.types.tolist() for s in data.systems] == [[1, 0, 0], [0, 2, 1]]


def test_without_a_type_map_the_names_are_collected_in_order(tmp_path):
    write_system(tmp_path / "x" / "a", (0, 1, 1), "O\nH\n")
    write_system(tmp_path / "x" / "b", (0, 1, 2), "H\nC\nO\n")
    data = read_dataset(tmp_path / "x")
    assert data.type_map == ("O", "H", "C")
    assert [s[0].system.types.tolist() for s in data.systems] == [[0, 1, 1], [1, 2, 0]]


def test_indices_without_names_are_those_of_the_type_map(tmp_path):
    place = write_system(tmp_path / "ice", (1, 0, 2), None)
    assert read_dataset(place, type_map=["A", "B", "C"])[0].system.types.tolist() == [1, 0, 2]
    nameless = read_dataset(place)
    assert (nameless.type_map, nameless[0].system.types.tolist()) == ((), [1, 0, 2])


def test_a_name_that_no_atom_bears_need_not_be_in_the_type_map(tmp_path):
    place = write_system(tmp_path / "ice", (1, 2, 2), "Au\nO\nH\n")
    assert read_dataset(place, type_map=["H", "O"])[0].system.types.tolist() == [1, 0, 0]


@pytest.mark.parametrize("box", [None, np.tile(CELL.ravel(), (3, 1))])
def test_nopbc_means_no_cell(tmp_path, box):
    place = write_system(tmp_path / "drop", box=box)
    (place / "nopbc").touch()
    assert read_dataset(place)[0].system.cell is None


def test_mixed_frames_have_types_of_their_own(tmp_path):
    own = [[1, 0, 1, -1], [0, 0, 1, 1], [-1, 1, 0, 0]]
    data = read_dataset(write_mixed(tmp_path / "4", own), type_map=["H", "O"])
    assert [f.system.types.tolist() for f in data] == [[0, 1, 0, -1], [1, 1, 0, 0], [-1, 0, 1, 1]]
    assert all(f.system.coordinates.shape == f.forces.shape == (4, 3) for f in data)


def test_mixed_and_standard_systems_go_together(tmp_path):
    write_mixed(tmp_path / "x" / "5", [[0, 1, 1, 0, -1]], "O\nH\n")
    write_system(tmp_path / "x" / "ice", frames=2)
    data = read_dataset(tmp_path / "x")
    assert [len(f.system.types) for f in data] == [5, 3, 3]


# A data set as a sequence


def names(data: Dataset) -> list[str]:
    return [frame.name for frame in data]


def test_parts_of_a_data_set_are_data_sets(tmp_path):
    write_system(tmp_path / "x" / "a", sets=2, frames=3)
    write_system(tmp_path / "x" / "b", sets=1, frames=4)
    data = read_dataset(tmp_path / "x")
    everything = names(data)
    assert len(data) == len(set(everything)) == 10
    assert names(data[2:9:3]) == everything[2:9:3]
    assert names(data[::-1]) == everything[::-1]
    assert names(data.subset([7, 0, 7])) == [everything[k] for k in (7, 0, 7)]
    assert names(data.subset(np.arange(10) % 2 == 0)) == everything[::2]
    assert names(data[4:].subset([0, 1])[1:]) == everything[5:6]
    assert len(data.subset([])) == 0
    assert [data[-1].name, data[np.int64(3)].name] == [everything[-1], everything[3]]
    with pytest.raises(IndexError):
        data[10]


def test_systems_are_the_directories(tmp_path):
    write_system(tmp_path / "x" / "a", sets=2, frames=3)
    write_system(tmp_path / "x" / "b", sets=1, frames=4)
    data = read_dataset(tmp_path / "x")
    assert [len(s) for s in data.systems] == [6, 4]
    assert [names(s) for s in data.systems] == [names(data)[:6], names(data)[6:]]
    assert [names(s) for s in data[::-1].systems] == [names(data)[:5:-1], names(data)[5::-1]]


def test_frames_are_read_only_when_asked_for(tmp_path, monkeypatch):
    data = read_dataset(write_system(tmp_path / "ice", frames=5))
    (tmp_path / "ice" / "set.000" / "energy.npy").unlink()
    half = data[:3]
    with pytest.raises(FormatError, match=r"energy.npy"):
        half[0]


# What is refused

BROKEN = {
    "coord.npy: is missing": {"coord": None},
    "box.npy: is missing.*nopbc": {"box": None},
    r"coord.npy: has shape \(3, 12\)": {"coord": numbers(3, 12)},
    r"energy.npy: has shape \(2,\).*3 frames of 3 atoms": {"energy": numbers(2)},
    r"force.npy: has shape \(3, 6\)": {"force": numbers(3, 6)},
    r"virial.npy: has shape \(3, 6\)": {"virial": numbers(3, 6)},
    r"box.npy: has shape \(3, 3\)": {"box": numbers(3, 3)},
    r"atom_ener.npy: has shape \(3, 1\)": {"atom_ener": numbers(3, 1)},
    r"fparam.npy: has shape \(4,\)": {"fparam": numbers(4)},
    r"aparam.npy: has shape \(3, 4\)": {"aparam": numbers(3, 4)},
    "energy.npy: must hold an array of numbers": {"energy": np.array(["a", "b", "c"])},
    "energy.npy: cannot be read": {"energy": np.array([{}, {}, {}], dtype=object)},
    "force.npy: must hold an array of numbers": {"force": numbers(3, 9) * 1j},
}


@pytest.mark.parametrize("message", BROKEN)
def test_files_that_do_not_fit_are_refused_by_name(tmp_path, message):
    place = write_system(tmp_path / "ice", **BROKEN[message])
    with pytest.raises(FormatError, match=message) as caught:
        read_dataset(place)
    assert caught.value.file == str(place / "set.000" / message.split(":")[0].split("(")[-1])


TEXTS = {
    "type.raw: must hold integers": ("type.raw", b"0 1 H"),
    "type.raw: must hold integers .*'1.5'": ("type.raw", b"0 1 1.5"),
    "type.raw: names no atom": ("type.raw", b"\n"),
    "type.raw: holds type 2; types must lie in -1 ... 1": ("type.raw", b"0 1 2"),
    "type.raw: holds type -3": ("type.raw", b"0 1 -3"),
    "type.raw: must hold integers .*too large": ("type.raw", b"0 1 99999999999999999999"),
    "type.raw: cannot be read as text": ("type.raw", b"\xff\xfe\x00"),
    "type_map.raw: names a type twice": ("type_map.raw", b"O\nH\nO"),
    "type_map.raw: cannot be read as text": ("type_map.raw", b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("message", TEXTS)
def test_texts_that_make_no_sense_are_refused_by_name(tmp_path, message):
    place = write_system(tmp_path / "ice")
    name, content = TEXTS[message]
    (place / name).write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        read_dataset(place)
    assert caught.value.file == str(place / name)


def test_an_atom_that_the_type_map_does_not_name_is_refused(tmp_path):
    place = write_system(tmp_path / "ice", (0, 1, 1), "O\nXe\n")
    with pytest.raises(FormatError, match=r"type.raw: .*'Xe'.*does not name"):
        read_dataset(place, type_map=["O", "H"])


def test_mixed_frames_with_unknown_types_are_refused_when_read(tmp_path):
    data = read_dataset(write_mixed(tmp_path / "a", [[0, 1], [0, 2]], "O\nH\nXe\n"), type_map=["O", "H"])
    assert data[0].system.types.tolist() == [0, 1]
    with pytest.raises(FormatError, match=r"real_atom_types.npy: .*'Xe'"):
        data[1]
    with pytest.raises(FormatError, match=r"real_atom_types.npy: holds type 5; types must lie in -1 ... 1"):
        read_dataset(write_mixed(tmp_path / "b", [[0, 5]]))[0]


def test_mixed_frames_need_names_and_integers(tmp_path):
    with pytest.raises(FormatError, match=r"type_map.raw: is missing; real_atom_types.npy needs it"):
        read_dataset(write_mixed(tmp_path / "a", [[0, 1]], None))
    with pytest.raises(FormatError, match=r"real_atom_types.npy: holds float64"):
        read_dataset(write_mixed(tmp_path / "b", [[0.0, 1.0]]))


def test_systems_with_and_without_names_need_a_type_map(tmp_path):
    write_system(tmp_path / "x" / "a")
    write_system(tmp_path / "x" / "b", names=None)
    with pytest.raises(FormatError, match=r"b/type_map.raw: is missing"):
        read_dataset(tmp_path / "x")
    assert len(read_dataset(tmp_path / "x", type_map=["O", "H"])) == 6


def test_a_place_without_data_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"no type.raw"):
        read_dataset(tmp_path / "nowhere")
    with pytest.raises(FormatError, match=r"no directory set\.\*"):
        read_dataset(write_system(tmp_path / "ice", sets=0))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_arrays_are_refused_or_read_but_never_worse(tmp_path_factory, data):
    place = write_system(tmp_path_factory.mktemp("damaged") / "ice", frames=2)
    file = place / "set.000" / "energy.npy"
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    refused = None
    try:
        frames = len(list(read_dataset(place)))
    except FormatError as error:
        refused = error.file
    assert refused == str(file) if refused else frames == 2
