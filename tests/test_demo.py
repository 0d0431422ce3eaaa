"""The page: its canvases and messages, and all of it as a visitor meets it, in headless Chromium."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from srn_jax import SRN, expand, load_generator
from srn_jax.demo import __main__ as program
from srn_jax.demo.canvas import PRESETS, Percent, on_canvas, shown, sides_of
from srn_jax.errors import InputError
from srn_jax.generator import KINDS
from srn_jax.infer.windows import Sides
from tests.programs import environment
from tests.test_generator import save, tiny_generator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
SECONDS = 120_000  # milliseconds that a step may take on a busy machine


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [(300, 450), (450, 300), (64, 64), (10, 11)])
def test_every_preset_makes_a_canvas(preset, size):
    percent = PRESETS[preset](size)
    if preset == "square" and size[0] == size[1]:
        assert percent == (0, 0, 0, 0)
        return
    sides = sides_of(size, percent)
    height, width = size[0] + sides.top + sides.bottom, size[1] + sides.left + sides.right
    wanted = {"16:9": 16 / 9, "9:16": 9 / 16, "square": 1.0}
    if preset in wanted:
        assert width / height == pytest.approx(wanted[preset], rel=0.15 if min(size) < 20 else 0.02)
    assert abs(sides.top - sides.bottom) <= 1
    assert abs(sides.left - sides.right) <= 1


def test_margins_are_percent_of_the_pictures_sides():
    assert sides_of((200, 100), Percent(10, 0, 3, 200)) == (20, 0, 3, 200)


@pytest.mark.parametrize(
    ("size", "percent", "message"),
    [
        ((9, 9), Percent(0, 0, 0, 0), "All four margins are 0"),
        ((5000, 4000), Percent(0, 0, 100, 100), "The canvas would have 60 million pixels; this page makes up to 40"),
    ],
)
def test_canvases_that_a_page_does_not_make(size, percent, message):
    with pytest.raises(InputError, match=message):
        sides_of(size, percent)


def test_the_picture_stands_on_grey():
    pixels = noise(30, 40, 3)
    canvas = np.asarray(on_canvas(pixels, Sides(3, 5, 7, 11)))
    assert canvas.shape == (38, 58, 3)
    np.testing.assert_array_equal(canvas[3:33, 7:47], pixels)
    canvas = canvas.copy()
    canvas[3:33, 7:47] = 160
    assert (canvas == 160).all()


def test_large_pictures_are_shown_small():
    assert on_canvas(noise(3000, 10, 3), Sides(0, 0, 0, 2990)).size == (1200, 1200)
    assert shown(noise(30, 2400, 3)).size == (1200, 15)
    assert shown(noise(30, 40, 3)).size == (40, 30)


@pytest.mark.parametrize("name", KINDS)
def test_the_example_is_of_the_kind_that_a_model_in_the_box_knows(name, tmp_path):
    actions = pytest.importorskip("srn_jax.demo.actions")
    act = actions.Actions({}, tmp_path)
    photo, *_ = act.example(name)
    assert photo.pixels.shape == (128, 128, 3)  # what such a model takes in one pass
    cat, *_ = act.example("runs/mine")
    assert cat.pixels.shape == (300, 451, 3)


def test_uploads_that_are_gone_or_too_large_for_pillow_get_a_line(tmp_path, monkeypatch):
    actions = pytest.importorskip("srn_jax.demo.actions")
    with pytest.raises(InputError, match="That upload is gone: drop the photograph once more"):
        actions._read_upload(tmp_path / "gone.png")
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 31)
    with pytest.raises(InputError, match="That photograph is too large; this page takes up to 30 million"):
        actions._read_upload(tmp_path / "large.png")


@pytest.mark.parametrize("port", ["0", "70000"])
def test_ports_that_are_none_are_refused(capsys, port):
    with pytest.raises(SystemExit):
        program.parse(["--checkpoint", "x", "--port", port])
    assert f"--port is {port}; it takes 1 to 65535" in capsys.readouterr().err


def test_without_gradio_it_says_what_to_install(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "gradio", None)
    for name in ("page", "actions"):
        monkeypatch.delitem(sys.modules, f"srn_jax.demo.{name}", raising=False)
    monkeypatch.setattr(program.signal, "signal", lambda *arguments: None)
    with pytest.raises(SystemExit):
        program.main(["--checkpoint", str(tmp_path)])
    assert capsys.readouterr().err.startswith("error: the page needs gradio: pip install")


class Served(NamedTuple):
    """A page that is served, and where its files are."""

    url: str
    port: int
    folder: Path
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("run"), tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24)), 1)


@contextmanager
def serving(folder: Path, *checkpoints: Path) -> Iterator[Served]:
    """Serves the page of `checkpoints` on a free port, with its temporary files in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "srn_jax.demo", "--checkpoint", *map(str, checkpoints), "--port", str(port)]
    started = environment(1) | {"TMPDIR": str(folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=started) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(f"the page is at http://127.0.0.1:{port}/")
            yield Served(f"http://127.0.0.1:{port}/", port, folder, process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("other"), tiny_generator(SRN((2, 2), width=8), (16, 16), (32, 32)), 1)


@pytest.fixture(scope="module")
def served(workdir, other, tmp_path_factory) -> Iterator[Served]:
    pytest.importorskip("gradio")
    with serving(tmp_path_factory.mktemp("tmp"), workdir, other) as one:
        yield one


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Visit:
    """A visitor's page; notes requests that go elsewhere."""

    def __init__(self, browser, served: Served, width: int = 1280) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 844})
        self.page.set_default_timeout(SECONDS)
        self.elsewhere: list[str] = []
        self.page.on("request", self._note)
        self.page.goto(served.url)
        self.page.wait_for_selector("#upload input[type=file]", state="attached")

    def _note(self, request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.elsewhere.append(request.url)

    def drop(self, file: Path) -> None:
        self.page.set_input_files("#upload input[type=file]", str(file))

    def paint(self) -> Path:
        """Paints, and returns the downloaded file."""
        self.page.click("#paint:not([disabled])")
        with self.page.expect_download() as download:
            self.page.click("#download")
        return Path(download.value.path())


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_a_visitor_gets_a_picture(browser, served, workdir, tmp_path, width):
    Image.fromarray(noise(40, 50, 3)).save(tmp_path / "photo.png")
    visit = Visit(browser, served, width)
    visit.drop(tmp_path / "photo.png")
    visit.page.wait_for_selector("#canvas img")
    visit.page.uncheck("#soften input")
    visit.page.click("#preset label:has-text('panorama')")
    visit.page.wait_for_function("document.querySelector('#right input').value == '100'")
    with Image.open(visit.paint()) as made:
        assert made.format == "PNG"
        found = np.asarray(made)
    expected = expand(load_generator(workdir), noise(40, 50, 3), left=50, right=50)
    np.testing.assert_array_equal(found[:, 50:100], noise(40, 50, 3))
    assert np.abs(found.astype(int) - expected).mean() < 1
    visit.page.wait_for_selector("#result img")
    assert "150 x 40 pixels, " in visit.page.inner_text("#told")
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")  # no sideways scrolling
    assert visit.elsewhere == []
    visit.page.close()


@pytest.mark.slow
def test_an_example_is_at_hand_and_the_model_that_was_chosen_paints(browser, served, other):
    visit = Visit(browser, served)
    assert visit.page.is_disabled("#paint")
    visit.page.click("#example")
    visit.page.wait_for_selector("#canvas img")
    visit.page.uncheck("#soften input")
    visit.page.click(f"#model label:has-text('{other}')")
    with resources.as_file(resources.files("skimage") / "data/chelsea.png") as file, Image.open(file) as cat:
        photo = np.asarray(cat.convert("RGB"))
    expected = expand(load_generator(other), photo, top=150, bottom=150, left=226, right=226)  # of 300 and 451
    with Image.open(visit.paint()) as made:
        found = np.asarray(made)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 1
    visit.page.close()


@pytest.mark.slow
def test_what_is_no_photograph_gets_a_message(browser, served, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    Image.fromarray(noise(8, 8, 1)[..., 0] * np.uint16(257)).save(tmp_path / "deep.png")
    Image.new("1", (8000, 4000)).save(tmp_path / "huge.png")
    visit = Visit(browser, served)
    for name, message in (
        ("broken.png", "That file is no picture that can be read."),
        ("deep.png", "deep.png has more than 8 bits a channel"),
        ("huge.png", "That photograph has 32 million pixels; this page takes up to 30 million."),
    ):
        visit.drop(tmp_path / name)
        visit.page.wait_for_selector(f"text={message}")
        assert visit.page.is_disabled("#paint")
        visit.page.reload()
        visit.page.wait_for_selector("#upload input[type=file]", state="attached")
    visit.page.close()


@pytest.mark.slow
def test_visitors_wait_for_each_other_and_get_their_own(browser, served, tmp_path):
    visits = []
    for number in range(3):
        Image.fromarray(noise(30 + 2 * number, 40, 3)).save(tmp_path / f"{number}.png")
        visit = Visit(browser, served)
        visit.drop(tmp_path / f"{number}.png")
        visit.page.wait_for_selector("#canvas img")
        visits.append(visit)
    for visit in visits:
        visit.page.click("#paint:not([disabled])")
    for number, visit in enumerate(visits):
        with visit.page.expect_download() as download:
            visit.page.click("#download")
        with Image.open(download.value.path()) as made:
            assert made.height == 2 * (30 + 2 * number)
        visit.page.close()


@pytest.mark.slow
def test_it_listens_on_this_machine_alone(served):
    for address, answers in (("127.0.0.1", True), ("127.0.0.2", False)):  # the second answers who listens everywhere
        with socket.socket() as other:
            other.settimeout(5)
            assert (other.connect_ex((address, served.port)) == 0) == answers


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("nowhere.invalid", "--host is 'nowhere.invalid', which is no address of this machine"),
        ("192.0.2.1", "cannot listen on 192.0.2.1 (Cannot assign requested address)"),  # of no machine: RFC 5737
        ("127.0.0.1", "cannot listen on 127.0.0.1, port {port}: without --port it takes the first that is free"),
    ],
)
def test_an_address_that_cannot_be_listened_on_gets_one_line(workdir, capsys, host, message):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        options = [
            "--checkpoint",
            str(workdir),
            "--host",
            host,
            *(["--port", str(port)] if "{port}" in message else []),
        ]
        with pytest.raises(SystemExit) as ended:
            program.main(options)
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert line.startswith(f"error: {message.format(port=port)}")
    assert line.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])  # the latter as its terminal is closed
def test_nothing_stays_when_it_ends(browser, workdir, tmp_path, number):
    folder = tmp_path / "tmp"
    folder.mkdir()
    Image.fromarray(noise(20, 30, 3)).save(tmp_path / "photo.png")
    with serving(folder, workdir) as page:
        visit = Visit(browser, page)
        visit.drop(tmp_path / "photo.png")
        visit.paint()
        visit.page.close()
        assert not list(folder.rglob("photo*"))  # an upload goes as soon as it is read
        page.process.send_signal(number)
        assert page.process.wait(60) == 0
    assert os.listdir(folder) == []
