"""The page: its canvases and messages, and all of it as a visitor meets it, in headless Chromium."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from srn_jax import SRN, load_generator
from srn_jax.demo import program, uploads
from srn_jax.demo.__main__ import main
from srn_jax.demo.canvas import PRESETS, Percent, check_passes, on_canvas, shown, sides_of
from srn_jax.demo.options import parse
from srn_jax.errors import InputError
from srn_jax.generators.bundled import DEFAULT, KINDS
from srn_jax.infer import plan_expansion
from srn_jax.infer.windows import Sides
from srn_jax.pictures.photo import Photo
from tests.forked import Process
from tests.programs import environment
from tests.test_generator import save, tiny_generator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
SECONDS = 120_000  # milliseconds that a step may take on a busy machine
OVERFLOWING = """[...document.querySelectorAll("#detail, #soften, #paint, #another, #told, #download")].filter(part => {
    const place = part.getBoundingClientRect()
    return place.left < 0 || place.right > window.innerWidth || part.scrollWidth > part.clientWidth
}).map(part => part.id)"""


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


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_the_example_is_of_the_kind_that_a_model_in_the_box_knows(name, tmp_path):
    actions = pytest.importorskip("srn_jax.demo.actions")
    act = actions.Actions({}, tmp_path)
    photo, *_ = act.example(name)
    one_pass = (128, 128, 3)
    assert photo.pixels.shape == ((400, 600, 3) if name == DEFAULT else one_pass)
    cat, *_ = act.example("runs/mine")
    assert cat.pixels.shape == (300, 451, 3)


def test_uploads_that_are_gone_or_too_large_for_pillow_get_a_line(tmp_path, monkeypatch):
    actions = pytest.importorskip("srn_jax.demo.actions")
    uploads = actions.Uploads()
    with pytest.raises(InputError, match="That upload is gone: drop the photograph once more"):
        actions._read_upload(tmp_path / "gone.png", uploads)
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 31)
    with pytest.raises(InputError, match="That photograph is too large; this page takes up to 30 million"):
        actions._read_upload(tmp_path / "large.png", uploads)


class Painting:
    """The page's actions around a photograph, which paint nothing but note how `expand` was called."""

    def __init__(self, monkeypatch, folder: Path, size: tuple[int, int]) -> None:
        actions = pytest.importorskip("srn_jax.demo.actions")
        generator = tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24))
        self.act, self.photo = actions.Actions({"tiny": generator}, folder), Photo(noise(*size, 3))
        self.calls: list[dict[str, Any]] = []
        monkeypatch.setattr(actions, "expand", self._expand)

    def _expand(self, generator, pixels, **options) -> np.ndarray:
        self.calls.append(options)
        return np.zeros((2 * pixels.shape[0], 2 * pixels.shape[1], 3), np.uint8)

    def paint(self, **options) -> tuple[int, bool, str]:
        """Returns the version, whether another is to be had, and what is told."""
        return self._told(self.act.paint(*self._settings(**options)))

    def another(self, version: int, **options) -> tuple[int, bool, str]:
        return self._told(self.act.another(version, *self._settings(**options)))

    def _settings(self, detail: bool = True) -> tuple[Any, ...]:
        return self.photo, "tiny", False, detail, 50, 50, 50, 50

    def _told(self, shows: tuple[Any, ...]) -> tuple[int, bool, str]:
        version, button, _, _, told = shows
        return version, button["interactive"], told


def test_each_version_has_the_next_seed_and_paint_begins_anew(monkeypatch, tmp_path):
    painting = Painting(monkeypatch, tmp_path, (24, 36))
    first = (1, True, "72 x 48 pixels, 1 pass, detail from the photograph")
    assert painting.paint() == first
    assert painting.another(1) == (2, True, f"{first[2]}, version 2")
    assert painting.another(2) == (3, True, f"{first[2]}, version 3")
    assert painting.paint() == first
    assert [call["seed"] for call in painting.calls] == [0, 1, 2, 0]
    assert all(call["detail"] for call in painting.calls)


def test_without_detail_there_is_no_other_version(monkeypatch, tmp_path):
    painting = Painting(monkeypatch, tmp_path, (24, 36))
    assert painting.paint(detail=False) == (0, False, "72 x 48 pixels, 1 pass")
    assert not painting.calls[0]["detail"]
    assert painting.another(1, detail=False)[:2] == (0, False)


@pytest.mark.parametrize(("version", "detail", "of_use"), [(0, True, False), (2, False, False), (2, True, True)])
def test_another_version_is_offered_where_it_would_differ(tmp_path, version, detail, of_use):
    act = pytest.importorskip("srn_jax.demo.actions").Actions({}, tmp_path)
    assert act.varies(version, detail)["interactive"] is of_use


def test_a_new_photograph_has_no_version_yet(tmp_path):
    act = pytest.importorskip("srn_jax.demo.actions").Actions({}, tmp_path)
    for shows in (act.example("runs/mine"), act.read(None)):
        version, button, *_ = shows[-5:]
        assert (version, button["interactive"]) == (0, False)


def test_photographs_too_small_for_detail_are_told_of(monkeypatch, tmp_path):
    version, another, told = Painting(monkeypatch, tmp_path, (20, 60)).paint()
    assert (version, another) == (0, False)
    assert told.endswith(", the photograph is too small for detail: it takes 21 pixels a side")


def test_progress_is_the_share_of_the_work(monkeypatch, tmp_path):
    painting = Painting(monkeypatch, tmp_path, (24, 36))
    painting.paint()
    assert painting.calls[0]["progress"](3, 12) == 0.25  # what gradio's own returns where there is no visitor


def test_detail_at_a_lower_resolution_is_told_of(monkeypatch, tmp_path):
    monkeypatch.setattr("srn_jax.detail.pyramid.PAINTED_BUDGET", 5_000)
    version, another, told = Painting(monkeypatch, tmp_path, (90, 80)).paint()
    assert (version, another) == (1, True)
    assert told.endswith(", detail from the photograph at 1/2 of its resolution")


@pytest.mark.parametrize("port", ["0", "70000", "99999999999999999999"])
def test_ports_that_are_none_are_refused(capsys, port):
    with pytest.raises(SystemExit):
        parse(["--checkpoint", "x", "--port", port])
    assert f"--port is {port}; it takes 1 to 65535" in capsys.readouterr().err


def test_without_gradio_it_says_what_to_install(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "gradio", None)
    for name in ("page", "actions"):
        monkeypatch.delitem(sys.modules, f"srn_jax.demo.{name}", raising=False)
        monkeypatch.delattr(f"srn_jax.demo.{name}", raising=False)  # where another test has imported it
    monkeypatch.setattr(program.signal, "signal", lambda *arguments: None)
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(tmp_path)])
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
    started = environment(1, optimized=True) | {"TMPDIR": str(folder)}
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
        return self.download()

    def another(self, version: int) -> Path:
        """Paints another version, and returns the downloaded file."""
        self.page.click("#another:not([disabled])")
        self.page.wait_for_selector(f"#told:has-text(', version {version}')")
        return self.download()

    def download(self) -> Path:
        with self.page.expect_download() as download:
            self.page.click("#download")
        return Path(download.value.path())


def inferred(photo: Path, checkpoint: Path, **options: object) -> np.ndarray:
    """Returns what the command line makes of `photo`: as the page is, a program of its own, compiled as users have it.

    Programs that round otherwise would not do: which patches detail takes hangs on a photograph's last bits.
    """
    return _inferred(photo.read_bytes(), checkpoint, tuple(f"--{name}={value}" for name, value in options.items()))


@cache
def _inferred(content: bytes, checkpoint: Path, options: tuple[str, ...]) -> np.ndarray:
    with TemporaryDirectory() as folder:
        photo, output = Path(folder, "photo.png"), Path(folder, "made.png")
        photo.write_bytes(content)
        given = ("--input", str(photo), "--checkpoint", str(checkpoint), "--output", str(output), *options)
        process = Process("srn_jax.infer", *given, environment=environment(1, optimized=True))
        _, told = process.communicate()
        assert process.returncode == 0, told
        with Image.open(output) as made:
            return np.asarray(made)


def drop_for_a_panorama(visit: Visit, photo: Path) -> None:
    """Drops a photograph of 50x40, to be painted at 150x40: one canvas of all tests, whose programs are made once."""
    Image.fromarray(noise(40, 50, 3)).save(photo)
    visit.drop(photo)
    visit.page.wait_for_selector("#canvas img")
    visit.page.uncheck("#soften input")
    visit.page.click("#preset label:has-text('panorama')")
    visit.page.wait_for_function("document.querySelector('#right input').value == '100'")


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_a_visitor_gets_a_picture(browser, served, workdir, tmp_path, width):
    visit = Visit(browser, served, width)
    drop_for_a_panorama(visit, tmp_path / "photo.png")
    with Image.open(visit.paint()) as made:
        assert made.format == "PNG"
        found = np.asarray(made)
    np.testing.assert_array_equal(found[:, 50:100], noise(40, 50, 3))
    np.testing.assert_array_equal(found, inferred(tmp_path / "photo.png", workdir, left=50, right=50))
    visit.page.wait_for_selector("#result img")
    told = visit.page.inner_text("#told")
    assert told.startswith("150 x 40 pixels, ")
    assert told.endswith(", detail from the photograph")
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")  # no sideways scrolling
    assert visit.page.evaluate(OVERFLOWING) == []
    assert visit.elsewhere == []
    visit.page.close()


@pytest.mark.slow
def test_another_version_is_another_picture(browser, served, workdir, tmp_path):
    visit = Visit(browser, served)
    drop_for_a_panorama(visit, tmp_path / "photo.png")
    assert visit.page.is_disabled("#another")
    with Image.open(visit.paint()) as first, Image.open(visit.another(2)) as second:
        versions = [np.asarray(first), np.asarray(second)]
    for seed, version in enumerate(versions):
        expected = inferred(tmp_path / "photo.png", workdir, left=50, right=50, seed=seed)
        np.testing.assert_array_equal(version[:, 50:100], noise(40, 50, 3))
        np.testing.assert_array_equal(version, expected)
    assert np.abs(versions[0].astype(int) - versions[1]).mean() > 5
    visit.page.uncheck("#detail input")
    visit.page.wait_for_selector("#another[disabled]")
    visit.page.check("#detail input")
    visit.page.click("#another:not([disabled])")
    visit.page.wait_for_selector("#told:has-text(', version 3')")
    visit.page.click("#example")
    visit.page.wait_for_selector("#another[disabled]")
    visit.page.close()


@pytest.mark.slow
def test_an_example_is_at_hand_and_the_model_that_was_chosen_paints(browser, served, other, tmp_path):
    visit = Visit(browser, served)
    assert visit.page.is_disabled("#paint")
    visit.page.click("#example")
    visit.page.wait_for_selector("#canvas img")
    visit.page.uncheck("#soften input")
    visit.page.uncheck("#detail input")
    visit.page.click(f"#model label:has-text('{other}')")
    sides = sides_of((300, 451), Percent(50, 50, 50, 50))
    with resources.as_file(resources.files("skimage") / "data/chelsea.png") as cat:
        shutil.copy(cat, tmp_path / "cat.png")
    expected = inferred(tmp_path / "cat.png", other, **sides._asdict(), detail="off")
    with Image.open(visit.paint()) as made:
        np.testing.assert_array_equal(np.asarray(made), expected)
    assert "detail" not in visit.page.inner_text("#told")
    assert visit.page.is_disabled("#another")
    visit.page.close()


@pytest.mark.slow
def test_what_is_no_photograph_gets_a_message(browser, served, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    Image.fromarray(noise(8, 8, 1)[..., 0].astype(np.int32)).save(tmp_path / "deep.tif")
    Image.new("1", (8000, 4000)).save(tmp_path / "huge.png")
    visit = Visit(browser, served)
    for name, message in (
        ("broken.png", "That file is no picture that can be read."),
        ("deep.tif", "deep.tif is no picture that can be read (it has 32 signed bits a channel"),
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
        visit.page.uncheck("#detail input")
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
            main(options)
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert line.startswith(f"error: {message.format(port=port)}")
    assert line.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "painting"),
    [(signal.SIGHUP, False), (signal.SIGTERM, True)],  # SIGHUP as its terminal is closed
)
def test_nothing_stays_when_it_ends(browser, workdir, tmp_path, number, painting):
    folder = tmp_path / "tmp"
    folder.mkdir()
    Image.fromarray(noise(300, 400, 3) if painting else noise(20, 30, 3)).save(tmp_path / "photo.png")
    with serving(folder, workdir) as page:
        visit = Visit(browser, page)
        visit.drop(tmp_path / "photo.png")
        if painting:
            visit.page.click("#paint:not([disabled])")
            visit.page.wait_for_selector("text=painting")  # its progress
        else:
            visit.page.uncheck("#detail input")
            visit.paint()
            visit.page.close()
            assert not list(folder.rglob("photo*"))  # an upload goes as soon as it is read
        page.process.send_signal(number)
        assert page.process.wait(60) == 0
        visit.page.close()
        assert page.process.stderr is not None
        assert "FATAL" not in page.process.stderr.read()
    assert os.listdir(folder) == []


def test_a_canvas_of_too_many_passes_is_refused_with_their_number(monkeypatch, tmp_path):
    painting = Painting(monkeypatch, tmp_path, (8, 400))
    with pytest.raises(
        Exception, match=r"This canvas would take \d[\d,]* passes of the model; this page makes up to 250"
    ):
        painting.act.paint(painting.photo, "tiny", False, False, 200, 200, 200, 200)
    assert painting.calls == []


@pytest.mark.parametrize("size", [(1, 1000), (1000, 1), (100, 800), (300, 450), (3, 30_000)])
def test_every_preset_is_painted_around_the_thinnest_photograph(size):
    for preset, percent in PRESETS.items():
        if (size, preset) != ((3, 30_000), "9:16"):
            generator = load_generator(DEFAULT)
            check_passes(plan_expansion(generator, size, **sides_of(size, percent(size))._asdict()).passes)


def test_visitors_who_drop_the_same_file_at_the_same_moment_all_have_it(tmp_path):
    actions = pytest.importorskip("srn_jax.demo.actions")
    act, file, pixels = actions.Actions({}, tmp_path), tmp_path / "photo.png", noise(9, 7, 3)
    Image.fromarray(pixels).save(file)
    with ThreadPoolExecutor(8) as visitors:
        photos = [shows[0] for shows in visitors.map(act.read, [str(file)] * 8)]
    assert len(photos) == 8
    for photo in photos:
        np.testing.assert_array_equal(photo.pixels, pixels)
    assert not file.exists()


def test_what_was_uploaded_is_forgotten_after_a_while_and_never_too_much_kept(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(uploads, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(uploads, "_BYTES", 25)
    kept, names = uploads.Uploads(), [tmp_path / letter for letter in "abc"]
    for number, name in enumerate(names):
        name.write_bytes(bytes([number]) * 10)
        assert kept.take(name) == bytes([number]) * 10
    assert [kept.take(name) for name in names[1:]] == [b"\1" * 10, b"\2" * 10]
    with pytest.raises(InputError, match="That upload is gone"):
        kept.take(names[0])
    clock[0] = 61.0
    with pytest.raises(InputError, match="That upload is gone"):
        kept.take(names[2])
