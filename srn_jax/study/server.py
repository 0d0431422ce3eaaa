"""The page's server: what a browser may ask for, and what it is told; never a method's name."""

import json
import socket
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from srn_jax.errors import InputError
from srn_jax.study.answers import SIDES, Answers, OutOfTurnError, State, UnknownParticipantError
from srn_jax.study.materials import Study

_MOST_BYTES = 4096  # of a request's body
_MOST_NUMBER = 10**6  # of a question
_MOST_TOKEN = 100  # characters
_SECONDS = 60  # that a connection may be silent
_ASSETS = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
_PICTURES = "/pictures/"
_HEADERS = {
    # Nothing from elsewhere; "unsafe-eval" is for programs that drive the page, which itself evaluates nothing.
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; connect-src 'self'; "
    "script-src 'self' 'unsafe-eval'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class RefusalError(Exception):
    """What is not answered: the status, and why, in a line."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Reply(NamedTuple):
    """What is answered."""

    content: bytes
    kind: str
    status: HTTPStatus = HTTPStatus.OK
    cache: str = "no-store"


class Server(ThreadingHTTPServer):
    """Serves a study's page, each connection in a thread of its own."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, host: str, study: Study, answers: Answers) -> None:
        """Serves at a socket that listens at `host`."""
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self._host = listening, host
        self._address, self._port = listening.getsockname()[:2]
        self._study, self._answers, self._opaque = study, answers, study.opaque_names()
        folder = resources.files("srn_jax.study") / "page"
        self._assets = {path: Reply((folder / name).read_bytes(), kind) for path, (name, kind) in _ASSETS.items()}
        self._posts: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "/api/join": self._join,
            "/api/state": lambda body: self._state(answers.state(_token(body))),
            "/api/answer": self._answer,
        }

    @property
    def url(self) -> str:
        """Returns where the page is."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}/"

    def get(self, path: str) -> Reply:
        """Returns what is at a path; raises RefusalError."""
        if path in self._assets:
            return self._assets[path]
        if path == "/api/study":
            return _json({"study": self._study.name, "questions": self._study.questions})
        opaque = path.removeprefix(_PICTURES).removesuffix(".png")
        if path != f"{_PICTURES}{opaque}.png" or opaque not in self._opaque:
            raise _refused(path in self._posts)
        # A picture never changes under its name.
        png = self._study.file(opaque).read_bytes()
        return Reply(png, "image/png", cache="private, max-age=86400, immutable")

    def post(self, path: str, body: Callable[[], dict[str, Any]]) -> Reply:
        """Returns what comes of a request, whose `body` is read where it has a path; raises RefusalError."""
        if path not in self._posts:
            raise _refused(path in self._assets or path == "/api/study")
        try:
            return self._posts[path](body())
        except UnknownParticipantError as error:
            raise RefusalError(HTTPStatus.NOT_FOUND, str(error)) from error
        except OutOfTurnError as error:
            raise RefusalError(HTTPStatus.CONFLICT, str(error)) from error
        except InputError as error:
            raise RefusalError(HTTPStatus.FORBIDDEN, str(error)) from error

    def check_origin(self, host: str, origin: str | None) -> None:
        """Raises RefusalError for what another site's page, or a name that leads here by a trick, asks for."""
        try:
            name, asking = urlsplit(f"//{host}").hostname or "", urlsplit(origin or "").netloc
        except ValueError as error:
            raise RefusalError(HTTPStatus.BAD_REQUEST, "Host or Origin is no address") from error
        if _is_loopback(self._address) and not _is_loopback(name) and name != self._host.lower():
            raise RefusalError(HTTPStatus.FORBIDDEN, f"this page is at {self.url}")
        if origin is not None and asking.lower() != host.lower():
            raise RefusalError(HTTPStatus.FORBIDDEN, "the page of another site may not ask for this")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says in one line what went wrong with a connection; that a browser has gone is nothing wrong."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"a request failed: {type(error).__name__}, {error}", file=sys.stderr, flush=True)

    def _join(self, body: dict[str, Any]) -> Reply:
        del body
        token = self._answers.join()
        return self._state(self._answers.state(token), token=token)

    def _answer(self, body: dict[str, Any]) -> Reply:
        token, number, side = _token(body), body.get("number"), body.get("side")
        if type(number) is not int or not 0 <= number < _MOST_NUMBER:
            raise RefusalError(HTTPStatus.BAD_REQUEST, "number takes a question's, from 0 on")
        if side not in SIDES:
            raise RefusalError(HTTPStatus.BAD_REQUEST, f"side takes {' or '.join(SIDES)}")
        return self._state(self._answers.answer(token, number, side))

    def _state(self, state: State, **more: str) -> Reply:
        """Returns how far a participant is, and the next question, without any method's name."""
        question = None
        if state.question:
            entry = self._study.entries[state.question.picture]
            question = {
                "number": state.answered,
                "size": entry.size,
                "known_size": entry.known_size,
                "known": _address(entry.known),
                "left": _address(entry.completed[state.question.left]),
                "right": _address(entry.completed[state.question.right]),
            }
        return _json({**more, "answered": state.answered, "questions": state.questions, "question": question})


class _Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS

    def do_GET(self) -> None:
        self._reply(self.server.get)

    def do_HEAD(self) -> None:
        self._reply(self.server.get)

    def do_POST(self) -> None:
        self._reply(partial(self.server.post, body=self._body))

    def _reply(self, find: Callable[[str], Reply]) -> None:
        try:
            self.server.check_origin(self.headers.get("Host", ""), self.headers.get("Origin"))
            reply = find(_path(self.path))
        except RefusalError as refusal:
            reply = _line(refusal.status, str(refusal))
        except (ConnectionError, TimeoutError):
            raise
        except (sqlite3.Error, OSError) as error:  # a full disk, say; an answer that was not written may be given again
            print(f"error: {error}", file=sys.stderr, flush=True)
            reply = _line(HTTPStatus.SERVICE_UNAVAILABLE, "the study's folder cannot be used at the moment")
        self._send(reply)

    def _body(self) -> dict[str, Any]:
        """Returns the JSON object that a request holds; raises RefusalError."""
        length = self.headers.get("Content-Length")
        if self.headers.get_content_type() != "application/json":
            raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a request takes application/json")
        if length is None:
            raise RefusalError(HTTPStatus.LENGTH_REQUIRED, "a request takes a Content-Length")
        if not (length.isascii() and length.isdecimal()):
            raise RefusalError(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
        if len(length) > len(str(_MOST_BYTES)) or int(length) > _MOST_BYTES:
            raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request takes up to {_MOST_BYTES:,} bytes")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise RefusalError(HTTPStatus.BAD_REQUEST, "a request takes JSON") from error
        if not isinstance(body, dict):
            raise RefusalError(HTTPStatus.BAD_REQUEST, "a request takes an object of JSON")
        return body

    def _send(self, reply: Reply) -> None:
        if reply.status != HTTPStatus.OK:
            self.close_connection = True  # what was not read of the request would be taken for the next one
        self.send_response(reply.status)
        headers = {"Content-Type": reply.kind, "Content-Length": str(len(reply.content)), "Cache-Control": reply.cache}
        if reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET, HEAD, POST"
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in (headers | _HEADERS).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Sends what http.server refuses by itself: one line too."""
        del explain
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:  # a method that is not known
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self._send(_line(status, message or status.phrase))

    def version_string(self) -> str:
        return "srn_jax"

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what is answered is in the file."""


def _refused(of_other_method: bool) -> RefusalError:
    if of_other_method:
        return RefusalError(HTTPStatus.METHOD_NOT_ALLOWED, "this address takes another method")
    return RefusalError(HTTPStatus.NOT_FOUND, "there is nothing at this address")


def _token(body: dict[str, Any]) -> str:
    token = body.get("token")
    if not isinstance(token, str) or not token.isascii() or len(token) > _MOST_TOKEN:
        raise RefusalError(HTTPStatus.BAD_REQUEST, "token takes what a participant was given")
    return token


def _path(target: str) -> str:
    try:
        return urlsplit(target).path
    except ValueError as error:
        raise RefusalError(HTTPStatus.BAD_REQUEST, "this is no address") from error


def _address(opaque: str) -> str:
    return f"{_PICTURES}{opaque}.png"


def _json(found: dict[str, Any]) -> Reply:
    return Reply(json.dumps(found).encode(), "application/json")


def _line(status: HTTPStatus, why: str) -> Reply:
    return Reply(f"{' '.join(why.split())}\n".encode(errors="backslashreplace"), "text/plain; charset=utf-8", status)


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
