"""The blind study served: what its server answers, and its page as people meet it, in headless Chromium."""

import http.client
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from srn_jax.programs.listening import listen
from srn_jax.study import __main__ as program
from srn_jax.study import materials
from srn_jax.study.server import Server
from tests.programs import environment
from tests.studies import METHODS, of_sets, rows, run, write_sets
from tests.studies import folders as folders
from tests.studies import kept as kept
from tests.studies import study as study
from tests.test_demo import browser as browser

# What is served


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.content)


def names_a_method(text: str) -> bool:
    return any(re.search(rf"\b{name}\b", text) for name in METHODS)


class Client:
    """Asks a server on this machine, one connection a request."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        told = {} if body is None else {"Content-Type": "application/json"}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        with closing(connection):
            connection.request(method, path, content, told | (headers or {}))
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())

    def post(self, path: str, **body: object) -> Reply:
        return self.ask("POST", f"/api/{path}", body)


@pytest.fixture
def client(study, kept) -> Iterator[Client]:
    with (
        listen("127.0.0.1", None) as listening,
        Server(listening, "127.0.0.1", materials.read_key(study), kept) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Client(listening.getsockname()[1])
        server.shutdown()
        thread.join()


def test_a_participant_is_asked_everything_and_no_reply_names_a_method(study, client):
    key, seen = materials.read_key(study), []
    for path in ("/", "/page.css", "/page.js", "/api/study"):
        seen.append(client.ask("GET", path))
    assert seen[-1].json == {"study": key.name, "questions": 12}
    seen.append(client.post("join"))
    token, expected = seen[-1].json["token"], key.questionnaire(1)
    for number, one in enumerate(expected):
        state = seen[-1].json
        assert (state["answered"], state["questions"], state["question"]["number"]) == (number, 12, number)
        entry = key.entries[one.picture]
        told = {"known": entry.known, "left": entry.completed[one.left], "right": entry.completed[one.right]}
        for place, opaque in told.items():
            assert state["question"][place] == f"/pictures/{opaque}.png"
            seen.append(client.ask("GET", state["question"][place]))
            assert seen[-1].content == key.file(opaque).read_bytes()
            assert seen[-1].headers["content-type"] == "image/png"
        assert set(state["question"]) == {"number", "size", "known_size", "known", "left", "right"}
        seen.append(client.post("answer", token=token, number=number, side="left"))
    assert seen[-1].json == {"answered": 12, "questions": 12, "question": None}
    assert {reply.status for reply in seen} == {200}
    words = [f"{reply.headers} {reply.content}" for reply in seen]
    assert not any(names_a_method(one) or str(study) in one or "picture_" in one for one in words)
    assert all("'none'" in reply.headers["content-security-policy"] for reply in seen)
    assert not any(re.search(rb"https?://", reply.content) for reply in seen[:3])
    assert rows(study) == [(1, number, "left") for number in range(12)]


def test_a_reload_resumes_and_a_double_submit_is_one_answer(study, client):
    token = client.post("join").json["token"]
    first = client.post("answer", token=token, number=0, side="right")
    assert client.post("answer", token=token, number=0, side="right").json == first.json
    assert client.post("state", token=token).json == first.json
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: client.post("answer", token=token, number=1, side="left"), range(16)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.content for reply in replies}) == 1
    assert rows(study) == [(1, 0, "right"), (1, 1, "left")]


TOKEN = "a" * 32


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/nothing", None, {}, 404),
        ("GET", "/study.json", None, {}, 404),
        ("GET", "/answers.sqlite", None, {}, 404),
        ("GET", "/pictures/", None, {}, 404),
        ("GET", f"/pictures/{'0' * 32}.png", None, {}, 404),
        ("GET", "/pictures/../study.json", None, {}, 404),
        ("GET", "/pictures/%2e%2e/study.json", None, {}, 404),
        ("GET", "/api/answer", None, {}, 405),
        ("POST", "/", {}, {}, 405),
        ("POST", "/api/nothing", {}, {}, 404),
        ("PUT", "/api/answer", {}, {}, 405),
        ("DELETE", "/", None, {}, 405),
        ("POST", "/api/join", None, {"Content-Type": "application/json", "Content-Length": "x"}, 400),
        ("POST", "/api/join", None, {"Content-Type": "application/json", "Content-Length": "99999999999"}, 413),
        ("POST", "/api/join", b"{}", {"Content-Type": "text/plain"}, 415),
        ("POST", "/api/join", b"{", {}, 400),
        ("POST", "/api/join", b"[]", {}, 400),
        ("POST", "/api/join", b"\xff", {}, 400),
        ("POST", "/api/join", b"[" * 4000, {}, 400),
        ("POST", "/api/join", b" " * 5000, {}, 413),
        ("POST", "/api/state", {}, {}, 400),
        ("POST", "/api/state", {"token": ["a"]}, {}, 400),
        ("POST", "/api/state", {"token": "\ud800"}, {}, 400),
        ("POST", "/api/state", {"token": TOKEN}, {}, 404),
        ("POST", "/api/answer", {"token": TOKEN, "number": 0, "side": "left"}, {}, 404),
        ("POST", "/api/answer", {"token": TOKEN, "number": True, "side": "left"}, {}, 400),
        ("POST", "/api/answer", {"token": TOKEN, "number": 10**30, "side": "left"}, {}, 400),
        ("POST", "/api/answer", {"token": TOKEN, "number": -1, "side": "left"}, {}, 400),
        ("POST", "/api/answer", {"token": TOKEN, "number": 0, "side": "both"}, {}, 400),
        ("POST", "/api/answer", {"token": TOKEN, "number": 0, "side": ["left"]}, {}, 400),
        ("POST", "/api/join", {}, {"Origin": "http://elsewhere.example"}, 403),
        ("POST", "/api/join", {}, {"Origin": "null"}, 403),
        ("POST", "/api/join", {}, {"Origin": "http://[", "Host": "127.0.0.1"}, 400),
        ("GET", "/", None, {"Host": "elsewhere.example"}, 403),
    ],
)
def test_bad_requests_get_a_status_and_a_line(capfd, study, client, method, path, body, headers, status):
    capfd.readouterr()
    reply = client.ask(method, path, body, headers)
    assert reply.status == status
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert re.fullmatch(rb"[^\n]+\n", reply.content)
    assert client.ask("GET", "/api/study").status == 200
    assert capfd.readouterr().err == ""
    with closing(sqlite3.connect(study / materials.ANSWERS)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM participants").fetchone() == (0,)


def test_a_contradicting_answer_and_one_out_of_turn_are_conflicts(study, client):
    token = client.post("join").json["token"]
    client.post("answer", token=token, number=0, side="left")
    for number, side in ((0, "right"), (2, "left"), (12, "left")):
        assert client.post("answer", token=token, number=number, side=side).status == 409
    assert rows(study) == [(1, 0, "left")]


def test_its_own_origin_and_names_of_this_machine_may_ask(client):
    for host in (f"localhost:{client.port}", f"127.0.0.1:{client.port}", "[::1]:9000"):
        assert client.ask("POST", "/api/join", {}, {"Host": host, "Origin": f"http://{host}"}).status == 200


def test_raw_nonsense_gets_a_line_and_harms_nobody(capfd, client):
    host = b"Host: 127.0.0.1"
    for sent, status in (  # in the oldest form of HTTP, which http.server takes nonsense for, there is none
        (b"nonsense\r\n\r\n", b""),
        (b"GET / HTTP/9.9\r\n\r\n", b""),
        (b"GET /" + b"a" * 70_000, b"414"),
        (b"GET http://[ HTTP/1.1\r\n" + host + b"\r\n\r\n", b"400"),
        (b"POST /api/join HTTP/1.1\r\n" + host + b"\r\nContent-Type: application/json\r\n\r\n", b"411"),
        (b"GET / HTTP/1.1\r\n\r\n", b"403"),  # no Host
    ):
        with socket.create_connection(("127.0.0.1", client.port), 10) as raw:
            raw.sendall(sent)
            said = raw.recv(65_536)
        assert status in said.partition(b"\r\n")[0]
        assert b"Traceback" not in said
    socket.create_connection(("127.0.0.1", client.port), 10).close()
    assert client.ask("HEAD", "/").content == b""
    assert client.ask("GET", "/").status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_an_answer_that_cannot_be_written_is_not_said_to_be(capfd, study, client, kept):
    token = client.post("join").json["token"]
    kept._connection.execute("PRAGMA query_only = ON")  # as a full disk
    reply = client.post("answer", token=token, number=0, side="left")
    assert (reply.status, rows(study)) == (503, [])
    assert "Traceback" not in capfd.readouterr().err
    kept._connection.execute("PRAGMA query_only = OFF")
    assert client.post("answer", token=token, number=0, side="left").status == 200
    assert rows(study) == [(1, 0, "left")]


def test_several_at_once_each_have_their_own(study, client):
    key = materials.read_key(study)

    def whole(place: int) -> list[dict[str, Any]]:
        states = [client.post("join").json]
        for number in range(12):
            side = ("left", "right")[(place + number) % 2]
            states.append(client.post("answer", token=states[0]["token"], number=number, side=side).json)
        return states

    with ThreadPoolExecutor(6) as pool:
        asked = list(pool.map(whole, range(6)))
    assert len(rows(study)) == 72
    orders = {tuple(state["question"]["left"] for state in states[:12]) for states in asked}
    expected = {
        tuple(f"/pictures/{key.entries[one.picture].completed[one.left]}.png" for one in key.questionnaire(number))
        for number in range(1, 7)
    }
    assert orders == expected
    assert len(orders) == 6


def test_a_report_is_made_while_the_page_is_served(capsys, study, client):
    token = client.post("join").json["token"]
    client.post("join")
    client.post("answer", token=token, number=0, side="left")
    status, out, _ = run(capsys, "report", "--study", study)
    assert status == 0
    assert out.startswith("1 answer of 1 participant; 1 more began and answered nothing.\n")
    assert "No repeated pair is answered yet." in out


# All of it, as people meet it


class Served(NamedTuple):
    url: str
    process: subprocess.Popen[str]


@contextmanager
def serving(study: Path, port: int | None = None) -> Iterator[Served]:
    """Serves a study in a process of its own, on a free port or on one that is told."""
    command = [sys.executable, "-m", "srn_jax.study", "serve", "--study", str(study)]
    command += ["--port", str(port or free_port())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(1), start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.fullmatch(r"the study is at (http://127\.0\.0\.1:\d+/)  \(Ctrl-C ends it\)\n", said)
            assert found, said
            yield Served(found[1], process)
        finally:
            process.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Visit:
    """A participant's browser; notes requests that go elsewhere, and all that came."""

    def __init__(self, browser, url: str, width: int) -> None:
        self.touch = width < 500
        self.context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=self.touch)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.url, self.elsewhere, self.errors = url, [], []
        self.came: list[str] = []
        self.page.on(
            "request", lambda request: request.url.startswith((url, "data:")) or self.elsewhere.append(request.url)
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._note)
        self.page.goto(url)

    def _note(self, response) -> None:
        text = response.text() if "image/png" not in response.headers.get("content-type", "") else ""
        self.came.append(f"{response.url} {response.headers} {text}")

    def greeted(self) -> str:
        """Returns what the first page says, once it is shown."""
        self.page.wait_for_selector("#start:not([hidden])")
        return self.page.inner_text("#start")

    def begin(self) -> None:
        self.greeted()  # a key, unlike a touch, does not wait until what it is meant for is seen
        self.page.tap("#begin") if self.touch else self.page.press("#begin", "Enter")

    def told(self) -> str:
        """Returns how far it is, once the pictures are there and an answer would be taken."""
        self.page.wait_for_selector("#left:not([disabled])")
        return self.page.inner_text("#told")

    def answer(self, side: str) -> str:
        """Answers by touch, or by a key; returns how far it was before."""
        told = self.told()
        if self.touch:
            self.page.tap(f"#{side}")
        else:
            self.page.keyboard.press({"left": "ArrowLeft", "right": "ArrowRight"}[side])
        self.page.wait_for_function(
            "told => document.getElementById('told').innerText != told || !document.getElementById('end').hidden",
            arg=told,
        )
        return told


IMAGES = """['known', 'left', 'right'].map(id => {
    const image = document.querySelector(`#${id} img`), place = image.getBoundingClientRect()
    const {width, height, left, top, right, bottom} = place
    return [image.naturalWidth, image.naturalHeight, width, height, left, top, right, bottom]
})"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 120), (120, 80)])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_participant_is_led_through_and_a_reload_resumes(browser, tmp_path, width, size):
    folders = write_sets(tmp_path, METHODS, size=size)
    command = ["make", *of_sets(folders, METHODS), "--known", str(folders["known"]), "--pairs", "6", "--repeats", "2"]
    program.main([*command, "--output", str(tmp_path / "s")])
    with serving(tmp_path / "s") as served:
        visit = Visit(browser, served.url, width)
        assert "6 pairs of pictures" in visit.greeted()
        visit.begin()
        assert visit.told() == "1 of 6"
        known, left, right = visit.page.evaluate(IMAGES)
        assert left[:2] == right[:2] == [size[1], size[0]]
        assert left[2:4] == right[2:4]  # the same size
        assert known[:2] == [20, 16]
        if width == 390:
            assert min(left[2], left[3]) > 150
        assert left[6] <= right[4] or left[7] <= right[5]  # beside each other, or below
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # no sideways scrolling
        assert visit.page.evaluate("document.documentElement.scrollHeight <= innerHeight")  # all is seen at once
        sides = ["left", "right", "right", "left", "right", "left"]
        assert visit.answer(sides[0]) == "1 of 6"
        assert visit.answer(sides[1]) == "2 of 6"
        assert rows(tmp_path / "s") == [(1, number, sides[number]) for number in range(2)]
        visit.page.reload()
        assert visit.told() == "3 of 6"
        for number in range(2, 6):
            assert visit.answer(sides[number]) == f"{number + 1} of 6"
        visit.page.wait_for_selector("#end:not([hidden])")
        assert rows(tmp_path / "s") == [(1, number, sides[number]) for number in range(6)]
        visit.page.reload()
        visit.page.wait_for_selector("#end:not([hidden])")
        visit.page.click("#another")
        visit.begin()
        assert visit.told() == "1 of 6"
        assert (visit.elsewhere, visit.errors) == ([], [])
        assert not any(names_a_method(came) for came in [*visit.came, visit.page.content()])
        visit.context.close()


@pytest.mark.slow
def test_a_key_that_is_held_and_a_double_tap_are_one_answer(browser, study):
    with serving(study) as served:
        visit = Visit(browser, served.url, 1280)
        visit.begin()
        visit.told()
        visit.page.keyboard.down("ArrowLeft")
        for _ in range(20):
            visit.page.keyboard.down("ArrowLeft")  # as a key that is held repeats itself
        visit.page.wait_for_function("document.getElementById('told').innerText == '2 of 12'")
        visit.page.keyboard.up("ArrowLeft")
        visit.told()
        visit.page.dblclick("#right")
        visit.page.wait_for_function("document.getElementById('told').innerText == '3 of 12'")
        assert visit.told() == "3 of 12"
        assert rows(study) == [(1, 0, "left"), (1, 1, "right")]
        visit.context.close()


@pytest.mark.slow
def test_killed_in_the_middle_nothing_is_lost_and_the_participant_goes_on(browser, study):
    port = free_port()
    with serving(study, port) as served:
        visits = [Visit(browser, served.url, width) for width in (1280, 390)]
        for visit in visits:
            visit.begin()
        for number in range(4):
            for place, visit in enumerate(visits):
                visit.answer(("left", "right")[(number + place) % 2])
        served.process.send_signal(signal.SIGKILL)
        served.process.wait(20)
    given = [(place + 1, number, ("left", "right")[(number + place) % 2]) for place in range(2) for number in range(4)]
    assert rows(study) == given
    first, second = visits
    first.told()
    first.page.keyboard.press("ArrowRight")  # nobody is there to take it
    first.page.wait_for_selector("#trouble:has-text('does not answer')")
    with serving(study, port) as served:
        first.page.click("#trouble button")
        first.page.wait_for_function("document.getElementById('told').innerText == '6 of 12'")
        second.page.reload()
        assert second.told() == "5 of 12"
        second.answer("left")
        assert rows(study) == sorted([*given, (1, 4, "right"), (2, 4, "left")])
        served.process.send_signal(signal.SIGINT)
        out, err = served.process.communicate(timeout=20)
        assert served.process.returncode == 0
        assert out + err == f"stopped; all answers are kept in {study / materials.ANSWERS}\n"
    assert {file.name for file in study.iterdir()} == {"study.json", "pictures", "answers.sqlite"}
    assert rows(study) == sorted([*given, (1, 4, "right"), (2, 4, "left")])
    for visit in visits:
        visit.context.close()


@pytest.mark.slow
def test_killed_while_many_answer_all_that_was_confirmed_is_there(study):
    """Participants answer as fast as they can; the server is killed at some moment."""
    confirmed: list[tuple[str, int]] = []
    port, tokens = free_port(), {}

    def hurry(place: int) -> None:
        client = Client(port)
        try:
            while len(tokens) < 200:
                token = client.post("join").json["token"]
                tokens[token] = place
                for number in range(12):
                    assert client.post("answer", token=token, number=number, side="left").status == 200
                    confirmed.append((token, number))
        except (OSError, http.client.HTTPException):
            return

    with serving(study, port) as served:
        with ThreadPoolExecutor(4) as pool:
            for place in range(4):
                pool.submit(hurry, place)
            while len(confirmed) < 60:
                pass
            served.process.send_signal(signal.SIGKILL)
        served.process.wait(20)
    with closing(sqlite3.connect(study / materials.ANSWERS)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        there = set(
            connection.execute("SELECT token, a.number FROM answers a JOIN participants p ON p.number = participant")
        )
    assert set(confirmed) <= there
    assert len(confirmed) >= 60


@pytest.mark.slow
def test_two_do_not_serve_one_study_and_it_listens_on_this_machine_alone(study):
    with serving(study) as served:
        command = [sys.executable, "-m", "srn_jax.study", "serve", "--study", str(study)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(1), timeout=60)
        assert done.returncode == 2
        assert re.fullmatch(rf"error: --study {study} is in use by process {served.process.pid} .*\n", done.stderr)
        port = int(served.url.rstrip("/").rpartition(":")[2])
        for address, answers_there in (("127.0.0.1", True), ("127.0.0.2", False)):
            with socket.socket() as other:
                other.settimeout(5)
                assert (other.connect_ex((address, port)) == 0) == answers_there


@pytest.mark.slow
def test_the_two_commands_work_on_the_model_in_the_box_against_telea(browser, tmp_path):
    study = tmp_path / "study"
    command = [sys.executable, "-m", "srn_jax.study", "make", "--data", "embedded", "--methods", "scenes", "telea"]
    done = subprocess.run(
        [*command, "--limit", "1", "--output", str(study)],  # each photograph's detail is made of programs of its own
        capture_output=True,
        text=True,
        env=environment(1, optimized=True),
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    assert f"wrote {study}: 1 picture by scenes, Telea\n" in done.stdout
    with serving(study) as served:
        visit = Visit(browser, served.url, 1280)
        visit.begin()
        assert visit.answer("left") == "1 of 1"
        visit.page.wait_for_selector("#end:not([hidden])")
        assert not any(name in came for came in visit.came for name in ("scenes", "Telea", "telea"))
        visit.context.close()
    assert len(rows(study)) == 1
