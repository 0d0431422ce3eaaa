"""Reading TensorFlow's checkpoints: TensorFlow's own bytes, every fault by its message, and damage of every byte."""

import re
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from srn_jax.convert.bundle import Bundle, VariableEntry, find_prefix
from srn_jax.errors import InputError
from tests import golden_cases
from tests.bundle_writer import Items, data_file, entry_message, footer, index_file, varint, write

REAL = ("c1_srn_subpixel", "c2_srn_deconv", "c3_srn_hr", "c7_discriminator")
READABLE = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
BUNDLES = golden_cases.GOLDEN / "bundles"
ARRAYS = {
    "net/conv/bias": np.arange(3, dtype=np.float32),
    "net/conv/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 0.5,
    "step": np.array(1000, np.int64),
}


@pytest.fixture
def prefix(tmp_path) -> Path:
    return tmp_path / "snap-1000"


def read_all(prefix: Path) -> dict[str, np.ndarray]:
    bundle = Bundle(prefix)
    return {name: bundle.read(name) for name in bundle.entries}


def assert_same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert list(ours) == sorted(theirs)
    for name, array in ours.items():
        assert (array.dtype, array.shape) == (theirs[name].dtype, theirs[name].shape)
        assert array.tobytes() == theirs[name].tobytes()


def place(case: str, prefix: Path) -> Bundle:
    """Opens TensorFlow's own index of a golden case beside a data file of zeros."""
    shutil.copy(BUNDLES / f"{case}.index", index_file(prefix))
    with data_file(prefix).open("wb") as file:
        file.truncate(2**22)
    return Bundle(prefix)


def put(bundle: Bundle, name: str, array: np.ndarray) -> None:
    with data_file(bundle.prefix, bundle.entries[name].shard).open("r+b") as file:
        file.seek(bundle.entries[name].offset)
        file.write(array.tobytes())


@pytest.mark.parametrize("case", REAL)
def test_index_of_tensorflow(case, prefix):
    weights = golden_cases.load(case).weights
    bundle = place(case, prefix)
    assert list(bundle.entries) == sorted(weights)
    for name, array in weights.items():
        put(bundle, name, array)
    assert_same(read_all(prefix), weights)


def test_index_of_a_training_checkpoint_of_tensorflow(prefix):
    bundle = place("c9_train_full_tinyvgg", prefix)
    trained = {name: w.shape for name, w in golden_cases.load("c9_train_full_tinyvgg").weights.items()}
    shapes = {f"{name}{slot}": shape for name, shape in trained.items() for slot in ("", "/Adam", "/Adam_1")}
    shapes |= {"Variable": (64, 64, 1, 1), "beta1_power": (), "beta2_power": (), "lr": ()}
    assert {name: entry.shape for name, entry in bundle.entries.items()} == shapes
    assert list(bundle.entries) == sorted(shapes)
    known = {"lr": np.array(1e-4, np.float32), "beta1_power": np.array(0.5**13, np.float32)}
    for name, scalar in known.items():
        put(bundle, name, scalar)
        np.testing.assert_array_equal(bundle.read(name), scalar, strict=True)
    with pytest.raises(InputError, match="the checksum of 'inpaint_net/conv1/bias' is"):
        bundle.read("inpaint_net/conv1/bias")


@pytest.mark.parametrize("case", REAL)
def test_writer_writes_what_tensorflow_wrote(case, prefix):
    write(prefix, golden_cases.load(case).weights)
    assert index_file(prefix).read_bytes() == (BUNDLES / f"{case}.index").read_bytes()


@pytest.mark.parametrize("layout", [{}, {"block_bytes": 1}, {"block_bytes": 99, "restart_every": 2}, {"shards": 3}])
def test_layouts(layout, prefix):
    write(prefix, ARRAYS, **layout)
    assert_same(read_all(prefix), ARRAYS)
    names = [file.name for file in prefix.parent.iterdir()]
    assert len(names) == 1 + layout.get("shards", 1)


@pytest.mark.parametrize("dtype", READABLE)
def test_types_and_shapes(dtype, prefix):
    values = np.random.default_rng(0).integers(0, 2, 24).astype(dtype)
    shapes = {"scalar": values[7].reshape(()), "none": values[:0].reshape(3, 0), "some": values.reshape(2, 3, 4)}
    write(prefix, shapes)
    arrays = read_all(prefix)
    assert_same(arrays, shapes)
    for array in arrays.values():
        assert array.dtype.isnative
        assert array.flags.c_contiguous
        assert array.flags.writeable
        array[...] = 1
    assert_same(read_all(prefix), shapes)


def test_entry(prefix):
    write(prefix, ARRAYS)
    entry = Bundle(prefix).entries["net/conv/kernel"]
    assert entry == VariableEntry("float32", (2, 3, 4), shard=0, offset=12, size=96, crc=entry.crc, partitioned=False)


@pytest.mark.parametrize(
    ("dtype", "name"), [(7, "string"), (8, "complex64"), (20, "resource"), (23, "number 23"), (999, "number 999")]
)
def test_other_types_are_listed_and_not_read(dtype, name, prefix):
    write(prefix, ARRAYS, entries={"step": {"dtype": dtype, "shape": (5,)}})
    bundle = Bundle(prefix)
    assert bundle.entries["step"].dtype == name
    assert bundle.entries["step"].shape == (5,)
    with pytest.raises(InputError, match=rf"^'step' in .*/snap-1000 is of type {name}; read are float32, .*, float16$"):
        bundle.read("step")
    np.testing.assert_array_equal(bundle.read("net/conv/bias"), ARRAYS["net/conv/bias"])


def test_partitioned_variable_is_listed_and_not_read(prefix):
    piece = (b"\0\1net/conv/kernel\0\1\xff", entry_message(shape=(1, 3, 4), size=48))
    whole = {"shape": (2, 3, 4), "slices": 2, "shard": 9, "offset": 2**50, "size": 1}
    write(prefix, ARRAYS, entries={"net/conv/kernel": whole}, edit=lambda items: [items[0], piece, *items[1:]])
    bundle = Bundle(prefix)
    assert list(bundle.entries) == list(ARRAYS)
    assert bundle.entries["net/conv/kernel"] == VariableEntry("float32", (2, 3, 4), 0, 0, 0, 0, partitioned=True)
    with pytest.raises(InputError, match=r"^'net/conv/kernel' in .* is a partitioned variable; only whole ones are"):
        bundle.read("net/conv/kernel")
    np.testing.assert_array_equal(bundle.read("step"), 1000)


def test_unknown_variable(prefix):
    write(prefix, ARRAYS)
    with pytest.raises(InputError, match=r"^.*/snap-1000 has no variable 'net', but 3 others$"):
        Bundle(prefix).read("net")


def swap(items: Items) -> Items:
    return [items[0], items[2], items[1], *items[3:]]


def renamed(first: bytes, second: bytes) -> Callable[[Items], Items]:
    return lambda items: [items[0], (first, items[1][1]), (second, items[2][1])]


def step(**fault: object) -> dict[str, dict[str, dict[str, object]]]:
    return {"entries": {"step": fault}}


INDEX_FAULTS = {  # what is written -> what is said; "damaged" ones between "X.index is damaged: " and "; copy ..."
    "compressed": (
        {"kind": 1},
        r"^{index} is compressed \(type 1; 1 is Snappy\); save it with TensorFlow 1.2 or later$",
    ),
    "big-endian": (
        {"header": {"endianness": 1}},
        r"^{index} is big-endian \(endianness 1\); only little-endian, 0, is read$",
    ),
    "newer": ({"header": {"min_consumer": 2}}, r"^{index} needs a reader of version 2; this one has 1$"),
    "more files": (
        {"header": {"num_shards": 2}},
        r"^there is no {prefix}.data-00000-of-00002; snap-1000.index asks for 2 data file\(s\), "
        r"there: snap-1000.data-00000-of-00001$",
    ),
    "many files": ({"header": {"num_shards": 2**31 - 1}}, r"^there is no .* asks for 2147483647 data file\(s\), "),
    "fewer files": (
        {"shards": 2, "header": {"num_shards": 1}},
        r"asks for 1 data file\(s\), there: snap-1000.data-00000-of-00002, snap-1000.data-00001-of-00002$",
    ),
    "no files": ({"header": {"num_shards": 0}}, "damaged: it asks for 0 data files, not for one or more"),
    "less than no files": ({"header": {"num_shards": -1}}, "damaged: it asks for -1 data files, not for one or more"),
    "no header": ({"edit": lambda items: items[1:]}, "damaged: it does not begin with a header"),
    "nothing": ({"edit": lambda items: []}, "damaged: it does not begin with a header"),
    "order": ({"edit": swap}, "damaged: its names are not in order, b'net/conv/bias' follows b'net/conv/kernel'"),
    "order of blocks": ({"edit": swap, "block_bytes": 1}, "damaged: its names are not in order, b'net/conv/bias' foll"),
    "twice": ({"edit": renamed(b"net", b"net")}, "damaged: its names are not in order, b'net' follows b'net'"),
    "no text": ({"edit": renamed(b"net", b"\xff")}, "damaged: 'utf-8' codec can't decode byte 0xff in position 0"),
    "header's message": ({"edit": lambda items: [(b"", b"\x08"), *items[1:]]}, "damaged: Error parsing message"),
    "trailing bytes": (
        {"edit": lambda items: [*items[:-1], (items[-1][0], items[-1][1] + b"\x0b")]},
        "damaged: Error parsing message with type 'Entry'",
    ),
    "handle": ({"handle": varint(0) + varint(9999)}, r"damaged: a block of 9999 bytes at 0 does not fit into its \d+ "),
    "far handle": ({"handle": varint(2**69) + varint(1)}, "damaged: a block of 1 bytes at 590295810358705651712 does"),
    "endless handle": ({"handle": b"\xff" * 12}, "damaged: a number in it has no end"),
    "half a handle": ({"handle": b"\0"}, "damaged: a number in it has no end"),
    "shard": (step(shard=1), "damaged: 'step' lies in data file 1 of 1, counted from 0"),
    "shard below 0": (step(shard=-1), "damaged: 'step' lies in data file -1 of 1, counted from 0"),
    "unknown rank": (step(unknown_rank=True), "damaged: 'step' has no shape that an array can have"),
    "unknown size": (step(shape=(-1,)), "damaged: 'step' has no shape that an array can have"),
    "rank": (step(shape=(1,) * 65), "damaged: 'step' has no shape that an array can have"),
    "large and empty": (step(shape=(0, 2**62), size=0), "damaged: 'step' has no shape that an array can have"),
    "string's shape": (step(dtype=7, shape=(2**62,)), "damaged: 'step' has no shape that an array can have"),
    "size": (step(size=4), r"damaged: 'step' has 4 bytes, where int64 of shape \(\) takes 8"),
    "forged shape": (
        step(shape=(2**20, 2**20)),
        r"damaged: 'step' has 8 bytes, where int64 of shape \(1048576, 1048576\) takes 8796093022208",
    ),
    "size below 0": (step(dtype=7, size=-8), "damaged: 'step' has offset 108 and size -8, which are 0 or more"),
    "offset below 0": (step(offset=-8), "damaged: 'step' has offset -8 and size 8, which are 0 or more"),
    "offset": (
        step(offset=109),
        "^{prefix}.data-00000-of-00001 is truncated: it has 116 bytes, the index asks for 117$",
    ),
    "far offset": (step(offset=2**63 - 1), "is truncated: it has 116 bytes, the index asks for 9223372036854775815$"),
    "forged shape and size": (
        step(shape=(2**37,), size=2**40),
        "is truncated: it has 116 bytes, the index asks for 1099511627884$",
    ),
}


@pytest.mark.parametrize("fault", INDEX_FAULTS)
def test_faults_of_the_index(fault, prefix):
    options, message = INDEX_FAULTS[fault]
    write(prefix, ARRAYS, **options)
    assert_refused(prefix, message)


def test_names_without_bound(prefix, monkeypatch):
    monkeypatch.setattr("srn_jax.convert.sorted_table._NAMES_BYTES", 31)  # "net/conv/bias", "net/conv/kernel": 28
    write(prefix, ARRAYS)
    assert_refused(prefix, "damaged: its names take more than 31 bytes")


def assert_refused(prefix: Path, message: str) -> None:
    index = re.escape(str(index_file(prefix)))
    if message.startswith("damaged: "):
        message = f"^{{index}} is {message}.*; copy the checkpoint again$"
    with pytest.raises(InputError, match=message.format(index=index, prefix=re.escape(str(prefix)))) as caught:
        read_all(prefix)
    assert "\n" not in str(caught.value)


def edit_index(prefix: Path, change: Callable[[bytes], bytes]) -> None:
    index_file(prefix).write_bytes(change(index_file(prefix).read_bytes()))


FILE_FAULTS = {
    "no index": (
        lambda prefix: index_file(prefix).unlink(),
        "^there is no {index}; --tf-checkpoint takes a TensorFlow V2",
    ),
    "no data": (
        lambda prefix: data_file(prefix).unlink(),
        r"^there is no {prefix}.data-00000-of-00001; snap-1000.index asks for 1 data file\(s\), there: none$",
    ),
    "folder for data": (
        lambda prefix: (data_file(prefix).unlink(), data_file(prefix).mkdir()),
        "^there is no {prefix}.data-00000-of-00001; ",
    ),
    "empty": (
        lambda prefix: edit_index(prefix, lambda index: b""),
        "^{index} is truncated, or no index of a TensorFlow V2 checkpoint: "
        "it has 0 bytes and ends in no footer, not in 57fb808b247547db$",
    ),
    "foreign": (
        lambda prefix: edit_index(prefix, lambda index: b"PK" * 30),
        "it has 60 bytes and ends in 504b504b504b504b, not in 57fb808b247547db$",
    ),
    "only a footer": (
        lambda prefix: edit_index(prefix, lambda index: index[-48:]),
        r"damaged: a block of \d+ bytes at \d+ does not fit into its 48 bytes",
    ),
    "no handles": (
        lambda prefix: edit_index(prefix, lambda index: index[:-48] + b"\xff" * 40 + index[-8:]),
        "damaged: a number in it has no end",
    ),
    "index block": (
        lambda prefix: edit_index(prefix, lambda index: index[:-48] + footer(b"\0\0", varint(10**6) + varint(1))),
        "damaged: a block of 1 bytes at 1000000 does not fit",
    ),
    "block's bytes": (
        lambda prefix: edit_index(prefix, lambda index: index[:4] + b"!" + index[5:]),
        "damaged: the checksum of the block at 0 is 0x[0-9a-f]{{8}}, the index has 0x[0-9a-f]{{8}}",
    ),
    "data's end": (
        lambda prefix: data_file(prefix).write_bytes(data_file(prefix).read_bytes()[:-1]),
        "^{prefix}.data-00000-of-00001 is truncated: it has 115 bytes, the index asks for 116$",
    ),
    "data's bytes": (
        lambda prefix: data_file(prefix).write_bytes(bytes(116)),
        "^{prefix}.data-00000-of-00001 is damaged, or of another checkpoint than its index: "
        "the checksum of 'net/conv/bias' is 0x[0-9a-f]{{8}}, the index has 0x[0-9a-f]{{8}}$",
    ),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_faults_of_files(fault, prefix):
    damage, message = FILE_FAULTS[fault]
    write(prefix, ARRAYS)
    damage(prefix)
    assert_refused(prefix, message)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (b"", "damaged: the block at 0 has 0 bytes, less than its own list of keys"),
        (b"\xff\xff\xff\xff", "damaged: the block at 0 has 4 bytes, less than its own list of keys"),
        (b"\1\1\0a" + bytes(4), "damaged: an entry of the block at 0 does not fit into it"),
        (b"\0\2\0a" + bytes(4), "damaged: an entry of the block at 0 does not fit into it"),
        (b"\0\1\1a" + bytes(4), "damaged: an entry of the block at 0 does not fit into it"),
    ],
)
def test_faults_of_a_block(block, message, prefix, monkeypatch):
    sealed = block + b"\0" + bytes(4)
    index_file(prefix).write_bytes(sealed + footer(b"\0\0", varint(0) + varint(len(block))))
    monkeypatch.setattr("srn_jax.convert.sorted_table.masked_crc", lambda data: 0)
    assert_refused(prefix, message)


def test_a_forged_shape_takes_no_memory(prefix):
    write(prefix, ARRAYS, entries={"step": {"shape": (2**28,), "size": 2**31}})
    tracemalloc.start()
    assert_refused(prefix, "is truncated")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def damaged(whole: bytes) -> Iterator[bytes]:
    """Yields `whole` cut off at each byte, then with each byte changed in three ways."""
    for at in range(len(whole)):
        yield whole[:at]
    for at, byte in enumerate(whole):
        for change in (0x01, 0x80, 0xFF):
            yield whole[:at] + bytes([byte ^ change]) + whole[at + 1 :]


@pytest.mark.parametrize("file", [index_file, data_file])
def test_damage_is_found_or_harmless(file, prefix):
    write(prefix, ARRAYS, block_bytes=60)
    outcomes = []
    for contents in damaged(file(prefix).read_bytes()):
        file(prefix).write_bytes(contents)
        if (arrays := read_or_refuse(prefix)) is not None:
            assert_same(arrays, ARRAYS)
        outcomes.append(arrays is None)
    assert np.mean(outcomes) > 0.8


def read_or_refuse(prefix: Path) -> dict[str, np.ndarray] | None:
    """Returns the arrays, or None for an InputError of one line; whatever else is raised is not caught."""
    try:
        return read_all(prefix)
    except InputError as error:
        return None if "\n" not in str(error) else pytest.fail(str(error))


def test_forgeries_raise_nothing_but_input_errors(prefix, monkeypatch):
    """With checksums that always fit, damage reaches what lies behind them."""
    monkeypatch.setattr(google_crc32c, "value", lambda data: 0)
    write(prefix, ARRAYS, block_bytes=60)
    size, outcomes = data_file(prefix).stat().st_size, []
    for contents in damaged(index_file(prefix).read_bytes()):
        index_file(prefix).write_bytes(contents)
        arrays = read_or_refuse(prefix)
        assert arrays is None or all(array.nbytes <= size for array in arrays.values())
        outcomes.append(arrays is None)
    assert 0.2 < np.mean(outcomes) < 0.9


def made(folder: Path, *names: str, **contents: str) -> Path:
    """Returns `folder` with empty files of these names, and those with contents."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name, text in contents.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def latest(name: str) -> str:
    return f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'


@pytest.mark.parametrize(
    "given",
    ["snap-9", "snap-9.index", "snap-9.meta", "snap-9.data-00000-of-00001", "snap-9.data-00011-of-00012"],
)
def test_prefix_or_one_of_its_files(given, tmp_path, monkeypatch):
    made(tmp_path, "snap-9.index", "snap-9.meta", "snap-1000.index")
    assert find_prefix(tmp_path / given) == tmp_path / "snap-9"
    assert find_prefix(str(tmp_path / given)) == tmp_path / "snap-9"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_prefix(f"~/{given}") == tmp_path / "snap-9"
    monkeypatch.chdir(tmp_path)
    assert find_prefix(given) == Path("snap-9")


def test_prefix_with_a_name_of_its_own(tmp_path):
    names = ("run.index.index", "run.meta.index", "run-1.5.index", "variables/variables.index", "snap.index")
    made(tmp_path, *names, "snap/other.txt")
    for name in names:
        assert find_prefix(tmp_path / name.removesuffix(".index")) == tmp_path / name.removesuffix(".index")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("snap-9.index", "snap-1000.index", "snap-200.index"), "snap-1000"),
        (("srn-256.ckpt-7.index", "srn-64.ckpt-8.index"), "srn-64.ckpt-8"),
        (("model.index",), "model"),
        (("model.index", "snap-0.index"), "snap-0"),
        (("snap-1.index", "._snap-2.index", "snap-3.index.tempstate5", "snap-4.meta", "snap-5.index/file"), "snap-1"),
        (("run-1.5.index",), "run-1.5"),
    ],
)
def test_folder_without_checkpoint_file(names, found, tmp_path, monkeypatch):
    made(tmp_path, *names)
    assert find_prefix(tmp_path) == tmp_path / found
    monkeypatch.chdir(tmp_path)
    assert find_prefix(".") == Path(found)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("snap-9", "snap-9"),
        ("./snap-9", "snap-9"),
        ("sub/snap-3", "sub/snap-3"),
        ("/home/else/model_logs/snap-9", "snap-9"),
        (r"D:\\runs\\snap-9", "snap-9"),
        ("model_logs/snap-9", "snap-9"),
        (r"b\303\274b-7", "büb-7"),
        ("büb-7", "büb-7"),
    ],
)
def test_folder_with_checkpoint_file(named, found, tmp_path):
    made(tmp_path, "snap-9.index", "snap-1000.index", "sub/snap-3.index", "büb-7.index", checkpoint=latest(named))
    assert find_prefix(tmp_path) == tmp_path / found
    assert find_prefix(tmp_path / "checkpoint") == tmp_path / found


def test_copied_folder_is_read_itself(tmp_path):
    original = made(tmp_path / "original", "snap-9.index")
    made(tmp_path / "copy", "snap-9.index", checkpoint=latest(str(original / "snap-9")))
    assert find_prefix(tmp_path / "copy") == tmp_path / "copy" / "snap-9"


@pytest.mark.parametrize("named", ["snap-9", "/home/else/snap-9", "", ".."])
def test_checkpoint_file_names_what_is_not_there(named, tmp_path):
    made(tmp_path, "snap-1000.index", checkpoint=latest(named))
    assert find_prefix(tmp_path) == tmp_path / "snap-1000"
    made(tmp_path, "other.index")
    with pytest.raises(InputError, match="has several checkpoints, and none is the latest: other, snap-1000; give the"):
        find_prefix(tmp_path)


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        ((), "", "^{at} has no .index file; --tf-checkpoint takes a TensorFlow V2 checkpoint: PREFIX.index, PREFIX"),
        (("checkpoint",), "", "^{at} has no .index file; --tf-checkpoint takes .* [(]V1 is one file[)]$"),
        ((), "snap-9", "^there is no {at}/snap-9.index; --tf-checkpoint takes a TensorFlow V2 checkpoint: "),
        ((), "snap-9.index", "^there is no {at}/snap-9.index; --tf-checkpoint takes "),
        (("snap-9.meta",), "snap-9.meta", "^there is no {at}/snap-9.index; --tf-checkpoint takes "),
        (("snap-9.data-00000-of-00001",), "snap-9", "^there is no {at}/snap-9.index; --tf-checkpoint takes "),
        (("snap-9",), "snap-9", "^{at}/snap-9 is one file, of a V1 checkpoint or of none; --tf-checkpoint takes "),
        (
            ("a-7.index", "b-7.index", "b-6.index"),
            "",
            "^{at} has several .* none is the latest: a-7, b-7; give the path",
        ),
        (
            ("a.index", "b.index"),
            "",
            "^{at} has several checkpoints, and none is the latest: a, b; give the path of one$",
        ),
        (
            ("saved_model.pb", "variables/variables.index"),
            "",
            "^{at} is a SavedModel; --tf-checkpoint takes .*, as in {at}/variables/variables$",
        ),
        (("saved_model.pb",), "saved_model.pb", "^{at} is a SavedModel; "),
        ((), ".index", "^there is no {at}/.index.index; "),
    ],
)
def test_no_checkpoint(names, given, message, tmp_path):
    made(tmp_path, *names)
    with pytest.raises(InputError, match=message.format(at=re.escape(str(tmp_path)))) as caught:
        find_prefix(tmp_path / given)
    assert "\n" not in str(caught.value)


def test_empty_path():
    with pytest.raises(InputError, match=r"^--tf-checkpoint is empty; it takes a path$"):
        find_prefix("")


@pytest.mark.parametrize(
    "text", ["{", 'model_checkpoint_path: "', 'other: "a"', "a {" * 9999, "\0", r'"\377"', "1\n\n2"]
)
def test_foreign_checkpoint_file(text, tmp_path):
    made(tmp_path, "snap-9.index", checkpoint=text)
    with pytest.raises(InputError, match=r"/checkpoint is not TensorFlow's: .*; give the path of the") as caught:
        find_prefix(tmp_path)
    assert "\n" not in str(caught.value)


def test_checkpoint_file_of_bytes(tmp_path):
    made(tmp_path, "snap-9.index")
    for contents in (b"\x80\2}q", b'model_checkpoint_path: "\xff"', rb'model_checkpoint_path: "\377"', b"\xff\xfe\0"):
        (tmp_path / "checkpoint").write_bytes(contents)
        with pytest.raises(InputError, match=r"/checkpoint is not TensorFlow's: .*; give the path of the"):
            find_prefix(tmp_path)
