"""FID, KID and LPIPS: against PyTorch's own layers, slow loops, and files that torch.save wrote."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from srn_jax import SRN
from srn_jax.errors import InputError
from srn_jax.evaluate import __main__ as program
from srn_jax.evaluate import distances, inception, lpips, perceptual
from srn_jax.evaluate.distances import fid, kid
from srn_jax.evaluate.summary import Mean
from tests.test_generator import save, tiny_generator
from tests.tiny import write_pictures

SHAPES = {  # (out, in, height, width) of some convolutions, from torchvision's inception.py
    "Conv2d_1a_3x3": (32, 3, 3, 3),
    "Conv2d_4a_3x3": (192, 80, 3, 3),
    "Mixed_5b.branch_pool": (32, 192, 1, 1),
    "Mixed_6a.branch3x3": (384, 288, 3, 3),
    "Mixed_6c.branch7x7dbl_2": (160, 160, 7, 1),
    "Mixed_7a.branch7x7x3_2": (192, 192, 1, 7),
    "Mixed_7c.branch3x3dbl_3b": (384, 384, 3, 1),
    "Mixed_7c.branch_pool": (192, 2048, 1, 1),
}


def normal(rng: np.random.Generator, count: int, channels: int, shift: float = 0.0) -> np.ndarray:
    mix = rng.normal(size=(channels, channels)) / channels**0.5
    return (rng.normal(size=(count, channels)) @ mix + shift).astype(np.float32)


@pytest.mark.parametrize("counts", [(60, 50), (60, 5), (4, 5)], ids=str)  # more pictures than features, and fewer
def test_fid_by_the_root_of_a_matrix(counts):
    rng = np.random.default_rng(0)
    one, other = normal(rng, counts[0], 8), normal(rng, counts[1], 8, 0.5)
    s, t = np.cov(one.astype(np.float64), rowvar=False), np.cov(other.astype(np.float64), rowvar=False)
    # A root of S T has the trace of that of the symmetric S^1/2 T S^1/2, which is defined where S has no inverse too.
    values, vectors = scipy.linalg.eigh(s)
    half = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    trace = np.sqrt(np.maximum(scipy.linalg.eigvalsh(half @ t @ half), 0)).sum()
    by_hand = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(s + t) - 2 * trace
    assert fid(one, other) == pytest.approx(by_hand, rel=1e-5)
    if min(counts) > 8:
        root: Any = scipy.linalg.sqrtm(s @ t)
        assert trace == pytest.approx(np.trace(np.real(root)), rel=1e-5)
    assert fid(one, one) == pytest.approx(0, abs=1e-6)


def test_kid_by_loops():
    rng = np.random.default_rng(1)
    x, y = normal(rng, 7, 5).astype(np.float64), normal(rng, 9, 5, 0.3).astype(np.float64)

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 5 + 1) ** 3)

    def within(some: np.ndarray) -> float:
        pairs = [kernel(a, b) for i, a in enumerate(some) for j, b in enumerate(some) if i != j]
        return float(np.mean(pairs))

    by_hand = within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])
    found = kid(x.astype(np.float32), y.astype(np.float32))
    assert found.mean == pytest.approx(by_hand, rel=1e-5)
    assert np.isnan(found.deviation)


def test_kid_of_many_is_the_mean_over_subsets(monkeypatch):
    monkeypatch.setattr(distances, "_SUBSET", 100)  # of 1,000 each takes a hundred times as long
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(110, 3)).astype(np.float32), rng.normal(size=(110, 3)).astype(np.float32) + 0.6
    found = kid(x, y)
    assert found == kid(x, y)
    assert 0 < found.deviation < abs(found.mean)


def random_inception(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns arrays by the names of pytorch-fid's file, of its shapes; activations stay about 1."""
    state = {}
    for name, (out, into, kh, kw) in shapes().items():
        state[f"{name}.conv.weight"] = rng.normal(0, (2 / (into * kh * kw)) ** 0.5, (out, into, kh, kw))
        state[f"{name}.bn.weight"] = rng.uniform(0.8, 1.2, out)
        state[f"{name}.bn.bias"] = rng.normal(0, 0.1, out)
        state[f"{name}.bn.running_mean"] = rng.normal(0, 0.1, out)
        state[f"{name}.bn.running_var"] = rng.uniform(0.8, 1.2, out)
    state["fc.weight"] = np.zeros((1008, 2048))
    return {name: array.astype(np.float32) for name, array in state.items()}


def shapes() -> dict[str, tuple[int, int, int, int]]:
    """Returns the shape of each convolution, as torchvision builds them."""
    found: dict[str, tuple[int, int, int, int]] = {}

    def add(name: str, into: int, out: int, *kernel: int) -> int:
        found[name] = (out, into, kernel[0], kernel[-1])
        return out

    add("Conv2d_1a_3x3", 3, 32, 3)
    add("Conv2d_2a_3x3", 32, 32, 3)
    add("Conv2d_2b_3x3", 32, 64, 3)
    add("Conv2d_3b_1x1", 64, 80, 1)
    add("Conv2d_4a_3x3", 80, 192, 3)
    for block, into, pool in (("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)):
        add(f"{block}.branch1x1", into, 64, 1)
        add(f"{block}.branch5x5_2", add(f"{block}.branch5x5_1", into, 48, 1), 64, 5)
        add(f"{block}.branch3x3dbl_2", add(f"{block}.branch3x3dbl_1", into, 64, 1), 96, 3)
        add(f"{block}.branch3x3dbl_3", 96, 96, 3)
        add(f"{block}.branch_pool", into, pool, 1)
    add("Mixed_6a.branch3x3", 288, 384, 3)
    add("Mixed_6a.branch3x3dbl_2", add("Mixed_6a.branch3x3dbl_1", 288, 64, 1), 96, 3)
    add("Mixed_6a.branch3x3dbl_3", 96, 96, 3)
    for block, c in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        add(f"{block}.branch1x1", 768, 192, 1)
        add(f"{block}.branch7x7_2", add(f"{block}.branch7x7_1", 768, c, 1), c, 1, 7)
        add(f"{block}.branch7x7_3", c, 192, 7, 1)
        add(f"{block}.branch7x7dbl_1", 768, c, 1)
        add(f"{block}.branch7x7dbl_2", c, c, 7, 1)
        add(f"{block}.branch7x7dbl_3", c, c, 1, 7)
        add(f"{block}.branch7x7dbl_4", c, c, 7, 1)
        add(f"{block}.branch7x7dbl_5", c, 192, 1, 7)
        add(f"{block}.branch_pool", 768, 192, 1)
    add("Mixed_7a.branch3x3_2", add("Mixed_7a.branch3x3_1", 768, 192, 1), 320, 3)
    add("Mixed_7a.branch7x7x3_1", 768, 192, 1)
    add("Mixed_7a.branch7x7x3_2", 192, 192, 1, 7)
    add("Mixed_7a.branch7x7x3_3", 192, 192, 7, 1)
    add("Mixed_7a.branch7x7x3_4", 192, 192, 3)
    for block, into in (("Mixed_7b", 1280), ("Mixed_7c", 2048)):
        add(f"{block}.branch1x1", into, 320, 1)
        add(f"{block}.branch3x3_1", into, 384, 1)
        add(f"{block}.branch3x3_2a", 384, 384, 1, 3)
        add(f"{block}.branch3x3_2b", 384, 384, 3, 1)
        add(f"{block}.branch3x3dbl_2", add(f"{block}.branch3x3dbl_1", into, 448, 1), 384, 3)
        add(f"{block}.branch3x3dbl_3a", 384, 384, 1, 3)
        add(f"{block}.branch3x3dbl_3b", 384, 384, 3, 1)
        add(f"{block}.branch_pool", into, 192, 1)
    return found


def test_all_convolutions_are_known():
    assert set(inception._names()) == set(shapes())
    assert {name: shapes()[name] for name in SHAPES} == SHAPES


def inception_by_torch(torch: Any, state: dict[str, Any], images: np.ndarray) -> np.ndarray:
    """Returns the features as pytorch-fid's modules compute them, one call after the other."""
    functional = torch.nn.functional

    def conv(name: str, x: Any, stride: int = 1, padding: Any = 0) -> Any:
        parts = {part: torch.tensor(state[f"{name}.{part}"]) for part in inception._PARTS}
        y = functional.conv2d(x, parts["conv.weight"], stride=stride, padding=padding)
        norm = [parts[f"bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.relu(functional.batch_norm(y, *norm, eps=0.001))

    def mean_pool(x: Any) -> Any:
        return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)

    def chain(x: Any, block: str, *steps: tuple[str, Any]) -> Any:
        for name, padding in steps:
            x = conv(f"{block}.{name}", x, padding=padding)
        return x

    x = torch.tensor(images).permute(0, 3, 1, 2).float() / 255
    x = 2 * functional.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False) - 1
    x = conv("Conv2d_2b_3x3", conv("Conv2d_2a_3x3", conv("Conv2d_1a_3x3", x, 2)), padding=1)
    x = conv("Conv2d_4a_3x3", conv("Conv2d_3b_1x1", functional.max_pool2d(x, 3, 2)))
    x = functional.max_pool2d(x, 3, 2)
    for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        x = torch.cat(
            [
                chain(x, block, ("branch1x1", 0)),
                chain(x, block, ("branch5x5_1", 0), ("branch5x5_2", 2)),
                chain(x, block, ("branch3x3dbl_1", 0), ("branch3x3dbl_2", 1), ("branch3x3dbl_3", 1)),
                conv(f"{block}.branch_pool", mean_pool(x)),
            ],
            1,
        )
    inner = chain(x, "Mixed_6a", ("branch3x3dbl_1", 0), ("branch3x3dbl_2", 1))
    parts = [conv("Mixed_6a.branch3x3", x, 2), conv("Mixed_6a.branch3x3dbl_3", inner, 2)]
    x = torch.cat([*parts, functional.max_pool2d(x, 3, 2)], 1)
    row, column = (0, 3), (3, 0)
    for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        double = (("branch7x7dbl_2", column), ("branch7x7dbl_3", row), ("branch7x7dbl_4", column))
        x = torch.cat(
            [
                chain(x, block, ("branch1x1", 0)),
                chain(x, block, ("branch7x7_1", 0), ("branch7x7_2", row), ("branch7x7_3", column)),
                chain(x, block, ("branch7x7dbl_1", 0), *double, ("branch7x7dbl_5", row)),
                conv(f"{block}.branch_pool", mean_pool(x)),
            ],
            1,
        )
    first = conv("Mixed_7a.branch3x3_2", chain(x, "Mixed_7a", ("branch3x3_1", 0)), 2)
    inner = chain(x, "Mixed_7a", ("branch7x7x3_1", 0), ("branch7x7x3_2", row), ("branch7x7x3_3", column))
    x = torch.cat([first, conv("Mixed_7a.branch7x7x3_4", inner, 2), functional.max_pool2d(x, 3, 2)], 1)
    for block, pool in (("Mixed_7b", mean_pool), ("Mixed_7c", lambda x: functional.max_pool2d(x, 3, 1, 1))):
        single = chain(x, block, ("branch3x3_1", 0))
        double = chain(x, block, ("branch3x3dbl_1", 0), ("branch3x3dbl_2", 1))
        x = torch.cat(
            [
                chain(x, block, ("branch1x1", 0)),
                conv(f"{block}.branch3x3_2a", single, padding=(0, 1)),
                conv(f"{block}.branch3x3_2b", single, padding=(1, 0)),
                conv(f"{block}.branch3x3dbl_3a", double, padding=(0, 1)),
                conv(f"{block}.branch3x3dbl_3b", double, padding=(1, 0)),
                conv(f"{block}.branch_pool", pool(x)),
            ],
            1,
        )
    return x.mean((2, 3)).numpy()


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def saved(torch: Any, state: dict[str, np.ndarray], path: Path) -> Path:
    torch.save({name: torch.tensor(array) for name, array in state.items()}, path)
    return path


@pytest.mark.slow
def test_inception_equals_pytorch(torch, tmp_path):
    rng = np.random.default_rng(0)
    state, images = random_inception(rng), rng.integers(0, 256, (2, 40, 60, 3), dtype=np.uint8)
    params = inception.read_inception(saved(torch, state, tmp_path / "inception.pth"))
    found = np.asarray(inception.features(params, jnp.asarray(images)))
    expected = inception_by_torch(torch, state, images)
    assert found.shape == (2, 2048)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def random_lpips(rng: np.random.Generator, name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns LPIPS' own weights, and the network's, by the names of their files."""
    kernels = {"AlexNet": {0: (64, 11), 3: (192, 5), 6: (384, 3), 8: (256, 3), 10: (256, 3)}}
    widths = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    numbers = [layer.number for layer in lpips.NETWORKS["VGG-16"].layers]
    kernels["VGG-16"] = {number: (width, 3) for number, width in zip(numbers, widths, strict=True)}
    network, last = {}, 3
    for number, (width, side) in kernels[name].items():
        network[f"features.{number}.weight"] = rng.normal(0, (2 / (last * side**2)) ** 0.5, (width, last, side, side))
        network[f"features.{number}.bias"] = rng.normal(0, 0.1, width)
        last = width
    own = {
        f"lin{k}.model.1.weight": rng.uniform(0, 1, (1, c, 1, 1)) for k, c in enumerate(lpips.NETWORKS[name].channels)
    }
    return (
        {key: array.astype(np.float32) for key, array in own.items()},
        {key: array.astype(np.float32) for key, array in network.items()},
    )


def lpips_by_torch(torch: Any, name: str, own: dict, network: dict, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns LPIPS as its package computes it."""
    functional = torch.nn.functional
    shift = torch.tensor([-0.030, -0.088, -0.188])[None, :, None, None]
    scale = torch.tensor([0.458, 0.448, 0.450])[None, :, None, None]

    def places(images: np.ndarray) -> list[Any]:
        x = (torch.tensor(images).permute(0, 3, 1, 2).float() / 127.5 - 1 - shift) / scale

        def conv(x: Any, number: int, **options: Any) -> Any:
            weight, bias = (torch.tensor(network[f"features.{number}.{part}"]) for part in ("weight", "bias"))
            return functional.relu(functional.conv2d(x, weight, bias, **options))

        if name == "AlexNet":
            a = conv(x, 0, stride=4, padding=2)
            b = conv(functional.max_pool2d(a, 3, 2), 3, padding=2)
            c = conv(functional.max_pool2d(b, 3, 2), 6, padding=1)
            d = conv(c, 8, padding=1)
            return [a, b, c, d, conv(d, 10, padding=1)]
        found = []
        for block in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
            x = functional.max_pool2d(x, 2, 2) if found else x
            for number in block:
                x = conv(x, number, padding=1)
            found.append(x)
        return found

    def unit(x: Any) -> Any:
        return x / (torch.sqrt((x**2).sum(1, keepdim=True)) + 1e-10)

    total = 0
    for k, (a, b) in enumerate(zip(places(one), places(other), strict=True)):
        weight = torch.tensor(own[f"lin{k}.model.1.weight"])
        total = total + functional.conv2d((unit(a) - unit(b)) ** 2, weight).mean((1, 2, 3))
    return total.numpy()  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.slow
@pytest.mark.parametrize("name", lpips.NETWORKS)
@pytest.mark.parametrize("files", [1, 2])
def test_lpips_equals_pytorch(torch, tmp_path, name, files):
    rng = np.random.default_rng(3)
    own, network = random_lpips(rng, name)
    one, other = (rng.integers(0, 256, (2, 70, 64, 3), dtype=np.uint8) for _ in range(2))
    other[1] = one[1]
    if files == 1:  # as lpips.LPIPS().state_dict() has them
        renamed = {re.sub(r"features\.", "net.slice1.", key): array for key, array in network.items()}
        paths = [saved(torch, own | renamed, tmp_path / "both.pth")]
    else:
        paths = [saved(torch, own, tmp_path / "alex.pth"), saved(torch, network, tmp_path / "network.pth")]
    found, params = lpips.read_lpips(paths)
    assert found == name
    values = np.asarray(lpips.lpips(found, params, jnp.asarray(one), jnp.asarray(other)))
    np.testing.assert_allclose(values, lpips_by_torch(torch, name, own, network, one, other), rtol=1e-4, atol=1e-7)
    assert values[1] == 0
    assert values[0] > 0.1


@pytest.mark.slow
def test_the_program_looks_through_them(torch, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(inception, "SIZE", 75)  # the least that the network takes, a sixteenth of the work
    rng = np.random.default_rng(4)
    own, network = random_lpips(rng, "AlexNet")
    inception_file = saved(torch, random_inception(rng), tmp_path / "inception.pth")
    files = [saved(torch, own, tmp_path / "alex.pth"), saved(torch, network, tmp_path / "alexnet.pth")]
    workdir = save(tmp_path / "run", tiny_generator(SRN((2, 2), width=4), (32, 32), (64, 64)), 1)
    photos = write_pictures(tmp_path / "photos", 3, (64, 80))
    given = ("--checkpoint", workdir, "--data", photos, "--output", tmp_path / "out", "--batch", 2, "--detail", "off")
    program.main([*map(str, given), "--inception", str(inception_file), "--lpips", *map(str, files)])
    printed = capsys.readouterr().out.splitlines()
    for name in ("FID", "KID x 1,000", "LPIPS, AlexNet"):
        (row,) = [line for line in printed if line.startswith(f"| {name} |")]
        assert len([float(cell.split(" ±")[0]) for cell in row.strip("| ").split(" | ")[1:]]) == 5
    lines = [json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines()]
    assert all(line["SRN"]["lpips"] > 0 for line in lines)


def refusing(monkeypatch: pytest.MonkeyPatch, state: dict[str, np.ndarray]) -> None:
    for module in (inception, lpips):
        monkeypatch.setattr(module, "read_tensors", lambda path, setting: state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: state | {"fc.weight": np.zeros((1000, 2048))},
            "has 1000 classes, as torchvision's",
        ),
        (
            lambda state: {k: v for k, v in state.items() if "6c" not in k},
            "lacks Mixed_6c.branch1x1.conv.weight",
        ),
        (lambda state: {}, "lacks Conv2d_1a_3x3.conv.weight; it takes --inception FILE"),
    ],
)
def test_weights_that_are_not_inceptions_are_refused(monkeypatch, change: Callable, message):
    refusing(monkeypatch, change(random_inception(np.random.default_rng(0))))
    with pytest.raises(InputError, match=message):
        inception.read_inception(Path("file.pth"))


def test_weights_that_are_not_lpips_are_refused(monkeypatch):
    own, network = random_lpips(np.random.default_rng(0), "AlexNet")
    for state, message in (
        (network, "file.pth: LPIPS' own weights, lin0 to lin4, are not there; it takes --lpips FILE FILE"),
        (own, "file.pth: the filters of AlexNet, features.0, are not there"),
        (own | {**network, "features.6.weight": np.zeros((384, 5, 3, 3))}, "features.6, are not there"),
    ):
        refusing(monkeypatch, state)
        with pytest.raises(InputError, match=message):
            lpips.read_lpips([Path("file.pth")])


@pytest.mark.parametrize("content", [None, b"", b"no torch", b"PK\x03\x04 nothing"])
@pytest.mark.parametrize("read", [inception.read_inception, lambda path: lpips.read_lpips([path])])
def test_files_that_are_none_are_refused(tmp_path, read, content):
    path = tmp_path / "file.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"file\.pth"):
        read(path)


def test_what_is_not_measured_says_what_it_needs():
    means = {"SRN": {"lpips": Mean(0.25, 0.0123, 3)}, "mean fill": {"lpips": Mean(0.5, 0.1, 3)}}
    nothing = perceptual.rows(perceptual.FeatureNetworks(), {}, means)
    assert nothing[0] == ["", "SRN", "mean fill"]
    assert [row[0].split(" FILE")[0] for row in nothing[1:]] == [
        "FID: not measured, needs --inception",
        "KID x 1,000: not measured, needs --inception",
        "LPIPS: not measured, needs --lpips",
    ]
    assert all(row[1:] == ["", ""] for row in nothing[1:])
    look = (lambda *arguments: None, None)
    features = {
        name: [np.full(4, float(k + n)) for n in range(3)] for k, name in enumerate(("SRN", "mean fill", "truth"))
    }
    found = perceptual.rows(perceptual.FeatureNetworks(look, look, "AlexNet"), features, means)
    assert found[3] == ["LPIPS, AlexNet", "0.250 ± 0.012", "0.500 ± 0.100"]
    assert [row[0] for row in found] == ["", "FID", "KID x 1,000", "LPIPS, AlexNet"]
    assert float(found[1][1]) == pytest.approx(16, abs=0.1)  # two away in each of four features
