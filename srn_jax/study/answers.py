"""Participants, what each is asked and has answered, in SQLite: on the disk before `answer` returns."""

import contextlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from srn_jax.errors import InputError
from srn_jax.study.questionnaire import Question

SIDES = ("left", "right")
_MOST_PARTICIPANTS = 10_000  # so that nobody fills the disk
_WAIT_SECONDS = 30.0  # for another process that writes
_TABLES = """
CREATE TABLE participants (number INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, joined REAL NOT NULL);
CREATE TABLE questions (
    participant INTEGER NOT NULL REFERENCES participants,
    number INTEGER NOT NULL,
    picture INTEGER NOT NULL,
    left TEXT NOT NULL,
    right TEXT NOT NULL,
    repeats INTEGER,
    PRIMARY KEY (participant, number)
) WITHOUT ROWID;
CREATE TABLE answers (
    participant INTEGER NOT NULL,
    number INTEGER NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right')),
    answered REAL NOT NULL,
    PRIMARY KEY (participant, number),
    FOREIGN KEY (participant, number) REFERENCES questions
) WITHOUT ROWID;
"""


class UnknownParticipantError(InputError):
    """A token that is nobody's."""


class OutOfTurnError(InputError):
    """An answer that is not to the next question, nor the one that was given before."""


class State(NamedTuple):
    """How far a participant is, and the next question; None where all are answered."""

    answered: int
    questions: int
    question: Question | None


class Answered(NamedTuple):
    """A question, and the side that its participant chose."""

    participant: int
    number: int
    question: Question
    side: str


class Participant(NamedTuple):
    """A participant: number, seconds since 1970 at which it joined, and how many questions it is asked."""

    number: int
    joined: float
    questions: int


def create(file: Path) -> None:
    """Makes a new file without participants."""
    with contextlib.closing(_connect(file)) as connection:
        connection.executescript(_TABLES)
        connection.execute("PRAGMA journal_mode = DELETE")  # one file, which is renamed with its folder


class Answers:
    """The file while the page is served; all threads may use it."""

    def __init__(self, file: Path, draw: Callable[[int], list[Question]]) -> None:
        """Asks the participant of a number, from 1 on, what `draw` returns of it.

        Raises:
          InputError: the file is missing, or is none of this kind.
        """
        self._draw, self._lock = draw, threading.Lock()
        with _refusing(file):
            self._connection = _connect(file, "rw")
            # Write-ahead, so that a report is read meanwhile; synced at each commit.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("SELECT participant, number, side, answered FROM answers LIMIT 1")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def join(self) -> str:
        """Returns the token of a new participant, whose questionnaire is drawn and written.

        Raises:
          InputError: there are too many.
        """
        token = secrets.token_urlsafe(24)
        with self._writing() as connection:
            (number,) = connection.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM participants").fetchone()
            if number > _MOST_PARTICIPANTS:
                raise InputError(f"the study has {_MOST_PARTICIPANTS:,} participants; it takes no more")
            connection.execute("INSERT INTO participants VALUES (?, ?, ?)", (number, token, time.time()))
            rows = [(number, place, *question) for place, question in enumerate(self._draw(number))]
            connection.executemany("INSERT INTO questions VALUES (?, ?, ?, ?, ?, ?)", rows)
        return token

    def state(self, token: str) -> State:
        """Returns how far the participant is; raises UnknownParticipantError."""
        with self._lock:
            return self._state(self._participant(token))

    def answer(self, token: str, number: int, side: str) -> State:
        """Writes the answer to the question of a number, and returns what is next; the same answer again is no other.

        Args:
          token: the participant's.
          number: of the question, from 0 on.
          side: one of `SIDES`.

        Raises:
          UnknownParticipantError: the token is nobody's.
          OutOfTurnError: the question is not the next one, or has another answer, which stays.
        """
        with self._writing() as connection:
            participant = self._participant(token)
            state, place = self._state(participant), (participant, number)
            if number == state.answered and state.question:
                connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?)", (*place, side, time.time()))
                return self._state(participant)
            given = connection.execute(
                "SELECT side FROM answers WHERE participant = ? AND number = ?", place
            ).fetchone()
            if given is None:
                raise OutOfTurnError(f"question {number} is not the next one, which is {state.answered}")
            if given != (side,):
                raise OutOfTurnError(f"question {number} has an answer already, which stays")
            return state

    def _participant(self, token: str) -> int:
        found = self._connection.execute("SELECT number FROM participants WHERE token = ?", (token,)).fetchone()
        if found is None:
            raise UnknownParticipantError("there is no such participant: begin anew")
        return found[0]

    def _state(self, participant: int) -> State:
        counts = "SELECT (SELECT COUNT(*) FROM answers WHERE participant = ?1), COUNT(*) FROM questions"
        answered, questions = self._connection.execute(f"{counts} WHERE participant = ?1", (participant,)).fetchone()
        # Answers are given in order, so as many as there are, are those of the first questions.
        query = "SELECT picture, left, right, repeats FROM questions WHERE participant = ? AND number = ?"
        found = self._connection.execute(query, (participant, answered)).fetchone()
        return State(answered, questions, Question(*found) if found else None)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Holds the file, and writes all that is done within, or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def read(file: Path) -> tuple[list[Participant], list[Answered]]:
    """Returns the participants, and all answers in their order, as of one moment, while others may write.

    Raises:
      InputError: the file is missing, or is none of this kind.
    """
    with _refusing(file), contextlib.closing(_connect(file, "ro")) as connection:
        connection.execute("BEGIN")
        participants = connection.execute(
            "SELECT number, joined, (SELECT COUNT(*) FROM questions WHERE participant = participants.number) "
            "FROM participants ORDER BY number"
        ).fetchall()
        rows = connection.execute(
            "SELECT participant, number, picture, left, right, repeats, side "
            "FROM answers JOIN questions USING (participant, number) ORDER BY participant, number"
        ).fetchall()
    asked = [Answered(participant, number, Question(*question), side) for participant, number, *question, side in rows]
    return [Participant(*row) for row in participants], asked


@contextlib.contextmanager
def _refusing(file: Path) -> Iterator[None]:
    """Turns what SQLite says of a file into an InputError."""
    try:
        yield
    except sqlite3.Error as error:
        why = error if file.exists() else "it is missing"
        raise InputError(f"{file}, which has the study's answers, cannot be used: {why}") from error


def _connect(file: Path, mode: str = "rwc") -> sqlite3.Connection:
    return sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_WAIT_SECONDS,
        isolation_level=None,  # transactions are told
        check_same_thread=False,
    )
