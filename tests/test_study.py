"""The blind study: what is drawn, made, kept and reported."""

import math
import re
import shutil
import socket
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from srn_jax import SRN, expand, load_generator
from srn_jax.errors import InputError
from srn_jax.study import __main__ as program
from srn_jax.study import answers, materials
from srn_jax.study.answers import Answered, Answers, OutOfTurnError, UnknownParticipantError
from srn_jax.study.chart import chart
from srn_jax.study.options import length, parse
from srn_jax.study.preferences import consistencies, preferences, share
from srn_jax.study.questionnaire import Question, check_length, draw
from tests.studies import KNOWN, METHODS, SIZE, of_sets, read, rows, run, write
from tests.studies import folders as folders
from tests.studies import kept as kept
from tests.studies import study as study
from tests.test_generator import save, tiny_generator

# What is drawn


@pytest.mark.parametrize(
    ("methods", "pictures", "questions", "repeats"),
    [(2, 40, 40, 4), (3, 5, 12, 3), (2, 2, 3, 1), (2, 1, 1, 0), (4, 100, 60, 20), (3, 4, 12, 0)],
)
def test_a_questionnaire_has_different_pairs_and_some_again_with_sides_swapped(methods, pictures, questions, repeats):
    names = [f"method {number}" for number in range(methods)]
    for seed in range(20):
        drawn = draw(names, pictures, questions, repeats, np.random.default_rng(seed))
        assert len(drawn) == questions
        first = [one for one in drawn if one.repeats is None]
        assert len({(one.picture, frozenset((one.left, one.right))) for one in first}) == questions - repeats
        assert all(one.left != one.right and 0 <= one.picture < pictures for one in drawn)
        again = [(number, one) for number, one in enumerate(drawn) if one.repeats is not None]
        assert len({one.repeats for _, one in again}) == len(again) == repeats
        for number, one in again:
            assert one.repeats is not None
            assert one.repeats < number
            before = drawn[one.repeats]
            assert (before.picture, before.left, before.right, before.repeats) == (
                one.picture,
                one.right,
                one.left,
                None,
            )
        kinds = Counter(frozenset((one.left, one.right)) for one in first)
        counts = [kinds[frozenset(pair)] for pair in combinations(names, 2)]
        assert max(counts) - min(counts) <= 1
        if questions == 40:  # each picture about as often as the others
            assert max(Counter(one.picture for one in first).values()) == 1


def test_what_is_drawn_hangs_on_seed_and_participant_alone(study):
    key = materials.read_key(study)
    assert key.questionnaire(3) == key.questionnaire(3)
    drawn = {tuple(key.questionnaire(participant)) for participant in range(1, 9)}
    drawn |= {tuple(key._replace(seed=1).questionnaire(participant)) for participant in range(1, 9)}
    assert len(drawn) == 16


def test_sides_and_order_are_random():
    left, places = Counter[str](), Counter[int]()
    for seed in range(400):
        drawn = draw(["a", "b"], 10, 10, 0, np.random.default_rng(seed))
        left.update(one.left for one in drawn)
        places[[one.picture for one in drawn].index(0)] += 1
    assert left["a"] / left.total() == pytest.approx(0.5, abs=0.03)
    assert len(places) == 10
    assert max(places.values()) < 75  # 40 each, give or take


@pytest.mark.parametrize(
    ("there", "pairs", "repeats", "found"),
    [
        (1000, None, None, (40, 4)),
        (36, None, None, (40, 4)),
        (8, None, None, (9, 1)),
        (1, None, None, (1, 0)),
        (8, None, 0, (8, 0)),
        (1000, 20, None, (20, 2)),
        (1000, 20, 5, (20, 5)),
    ],
)
def test_forty_pairs_or_as_many_as_there_are(there, pairs, repeats, found: tuple[int, int]):
    assert length(Namespace(pairs=pairs, repeats=repeats), there) == found
    check_length(*found, 2, there)


# From answers to numbers


def by_hand(some: int, of: int) -> tuple[float, float, float]:
    """Returns Wilson's interval by its formula, and the sign test's p by adding up what is as improbable."""
    z, p = 1.959963984540054, some / of
    middle, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    chances = [math.comb(of, k) / 2**of for k in range(of + 1)]
    p_value = sum(chance for chance in chances if chance <= chances[some] * (1 + 1e-9))
    return (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of), p_value


@pytest.mark.parametrize(("some", "of"), [(0, 1), (5, 5), (13, 40), (20, 40), (71, 100)])
def test_intervals_and_sign_tests_are_those_of_the_formulas(some, of):
    found = share(some, of)
    assert (found.some, found.of) == (some, of)
    assert (found.low, found.high, found.p) == pytest.approx(by_hand(some, of), rel=1e-6, abs=1e-9)


def asked(participant: int, *choices: tuple[str, str, str, int | None]) -> list[Answered]:
    """Returns answers, each told as left, right, the side that was chosen, and what it repeats."""
    return [
        Answered(participant, number, Question(0, left, right, repeats), side)
        for number, (left, right, side, repeats) in enumerate(choices)
    ]


def test_preferences_count_first_answers_by_answer_and_by_participant():
    given = asked(
        1, ("a", "b", "left", None), ("b", "a", "right", None), ("b", "a", "left", 0), ("c", "a", "left", None)
    )
    given += asked(2, ("b", "a", "left", None), ("b", "a", "right", None))
    given += asked(3, ("b", "a", "left", None))
    first, second, third = preferences(given, ["a", "b", "c"])
    assert (first.first, first.second) == ("a", "b")
    assert first.answers == share(3, 5)  # the repeated one does not count
    assert (first.participants, first.undecided) == (share(1, 2), 1)
    assert (second.first, second.second, second.answers) == ("a", "c", share(0, 1))
    assert third.answers == (0, 0, None, None, None)
    drawn = chart([first, second, third])
    assert drawn.count("<circle") == 2


def test_consistency_is_the_same_picture_not_the_same_side():
    given = asked(4, ("a", "b", "left", None), ("b", "c", "left", None), ("b", "a", "right", 0), ("c", "b", "left", 1))
    assert consistencies(given) == [(4, 4, 3, 1, 2)]
    assert consistencies([]) == []


# What is kept


def test_an_answer_is_in_the_file_before_the_next_question_is_told(study, kept):
    first, second = kept.join(), kept.join()
    assert kept.answer(first, 0, "left").question == materials.read_key(study).questionnaire(1)[1]
    assert rows(study) == [(1, 0, "left")]
    kept.answer(second, 0, "right")
    assert rows(study) == [(1, 0, "left"), (2, 0, "right")]
    connection = kept._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_same_answer_again_is_no_other_and_another_one_is_refused(study, kept):
    token = kept.join()
    states = [kept.answer(token, 0, "left") for _ in range(3)]
    assert states[0] == states[1] == states[2]
    for number, side, message in (
        (0, "right", "has an answer already, which stays"),
        (5, "left", "the next one, which is 1"),
    ):
        with pytest.raises(OutOfTurnError, match=message):
            kept.answer(token, number, side)
    assert rows(study) == [(1, 0, "left")]
    with pytest.raises(UnknownParticipantError, match="no such participant"):
        kept.answer("nobody", 0, "left")
    for number in range(1, 12):
        kept.answer(token, number, "left")
    assert kept.state(token) == (12, 12, None)
    with pytest.raises(OutOfTurnError):
        kept.answer(token, 12, "left")


def test_participants_at_once_have_numbers_and_answers_of_their_own(study, kept):
    def whole(place: int) -> str:
        token = kept.join()
        for number in range(12):
            kept.answer(token, number, "left" if place % 2 else "right")
        return token

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(whole, range(16)))
    assert len(set(tokens)) == 16
    found = rows(study)
    assert [row[:2] for row in found] == [(participant, number) for participant in range(1, 17) for number in range(12)]
    assert Counter(side for _, _, side in found) == {"left": 96, "right": 96}
    participants, given = answers.read(study / materials.ANSWERS)  # while it is open
    assert [one.questions for one in participants] == [12] * 16
    assert [one.question for one in given[:12]] == materials.read_key(study).questionnaire(1)


def test_no_more_participants_than_there_may_be(kept, monkeypatch):
    monkeypatch.setattr(answers, "_MOST_PARTICIPANTS", 1)
    kept.join()
    with pytest.raises(InputError, match="the study has 1 participants; it takes no more"):
        kept.join()


# What is made


def entries(study: Path) -> list[materials.KeyEntry]:
    return materials.read_key(study).entries


def test_pictures_come_back_under_names_that_tell_nothing(folders, study):
    key = materials.read_key(study)
    assert key.methods == METHODS
    for number, entry in enumerate(key.entries):
        assert entry.name == f"picture_{number}"
        for method, opaque in entry.completed.items():
            assert re.fullmatch("[0-9a-f]{32}", opaque)
            np.testing.assert_array_equal(read(key.file(opaque)), read(folders[method] / f"picture_{number}.png"))
        assert len({key.file(opaque).stat().st_size for opaque in entry.completed.values()}) == 1
    assert len(key.opaque_names()) == 20
    assert len(list((study / "pictures").iterdir())) == 20


def test_names_of_files_do_not_follow_from_the_seed(folders, tmp_path):
    for name in "ab":
        program.main(["make", *of_sets(folders, METHODS), "--output", str(tmp_path / name)])
    first, second = (materials.read_key(tmp_path / name) for name in "ab")
    assert first.questionnaire(1) == second.questionnaire(1)
    assert first.opaque_names() & second.opaque_names() == set()


@pytest.mark.parametrize("how", ["", "--masks", "--known"])
def test_the_known_part_is_told_by_masks_by_pictures_or_by_what_sets_have_in_common(folders, tmp_path, how):
    more = [how, folders[how[2:]]] if how else []
    program.main(["make", *of_sets(folders, METHODS), *map(str, more), "--output", str(tmp_path / "s")])
    for entry in entries(tmp_path / "s"):
        found = read(materials.read_key(tmp_path / "s").file(entry.known))
        expected = read(folders["known"] / f"{entry.name}.png")
        if how != "--known":
            canvas = np.full((*SIZE, 3), 128, np.uint8)
            canvas[KNOWN] = expected
            expected = canvas
        np.testing.assert_array_equal(found, expected)
        assert entry.known_size == (expected.shape[1], expected.shape[0])


def test_pictures_of_other_sizes_are_made_as_small_as_the_smallest(folders, tmp_path):
    twice = tmp_path / "twice"
    for file in folders[METHODS[0]].iterdir():
        write(twice / file.name, read(file).repeat(2, axis=0).repeat(2, axis=1))
    sets = [f"--set=a={twice}", f"--set=b={folders[METHODS[1]]}", "--masks", str(folders["masks"])]
    program.main(["make", *sets, "--output", str(tmp_path / "s")])
    for entry in entries(tmp_path / "s"):
        assert entry.size == entry.known_size == SIZE[::-1]
        assert {read(materials.read_key(tmp_path / "s").file(name)).shape for name in entry.completed.values()} == {
            (*SIZE, 3)
        }


def test_pictures_larger_than_a_page_shows_are_made_smaller(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("srn_jax.study.make._LONGEST", 18)
    program.main(
        ["make", *of_sets(folders, METHODS[:2]), "--known", str(folders["known"]), "--output", str(tmp_path / "s")]
    )
    for entry in entries(tmp_path / "s"):
        assert (entry.size, entry.known_size) == ((18, 12), (10, 8))


def test_what_is_missing_in_a_set_is_said_in_one_line(capsys, folders, tmp_path):
    fewer = tmp_path / "fewer"
    shutil.copytree(folders[METHODS[0]], fewer)
    (fewer / "picture_2.png").unlink()
    sets = [f"--set=a={fewer}", "--truth", folders["real"], "--masks", folders["masks"]]
    status, out, err = run(capsys, "make", *sets, "--output", tmp_path / "s")
    assert status == 0
    assert "left out 1 picture that some set lacks: picture_2, say, is not in --set a\n" in err
    assert f"wrote {tmp_path}/s: 4 pictures by a, real" in out
    assert "a questionnaire has 5 pairs, 1 of them a second time with sides swapped, as many as there are" in out
    assert [entry.name for entry in entries(tmp_path / "s")] == ["picture_0", "picture_1", "picture_3", "picture_4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "make takes --set NAME=FOLDER, twice or more, or --data with --methods"),
        ("--set a={0} --data {0}", "make takes --set NAME=FOLDER, twice or more, or --data with --methods"),
        ("--set a={0}", "a study takes two methods or more, and has 1: a"),
        ("--set a={0} --set a={1}", "two sets are named a"),
        ("--set {0} --set b={1}", "it takes NAME=FOLDER"),
        ("--set a={0} --set b=nowhere", "--set b is 'nowhere', which is no folder"),
        ("--set a={0} --set b={0}", "the sets have all in common there; --known or --masks says it"),
        ("--set a={0} --set b={1} --known {2} --masks {3}", "--known and --masks exclude each other"),
        ("--set a={0} --set b={1} --masks {0}", None),
        ("--set a={0} --set b={4}", "no picture's name is in all of --set a, --set b: "),
        ("--set a={0} --set b={5} --limit 1", "has canvases of different aspects: 36x24 in a, 24x36 in b"),
        ("--set a={0} --set b={6} --limit 1", "picture_0.png is no picture that can be read"),
        ("--set a={0} --set b={7}", "which holds 2 pictures named picture_0"),
        ("--set a={0} --set b={1} --methods scenes", "--methods complete the photographs of --data"),
        ("--data {0} --known {0}", "--known is of sets"),
        ("--data {0} --methods telea", "--methods takes two or more, and names Telea alone"),
        ("--data {0} --methods telea Telea", "--methods names Telea twice"),
        ("--data {0} --methods telea blur", "--methods names 'blur': no checkpoint at "),
        ("--data nowhere", "--data is 'nowhere'; it takes a folder"),
        ("--data {0} --methods telea mean --pairs 9", "--pairs is 9, 1 of them repeated; it takes up to 6, since 5 "),
        ("--set a={0} --set b={1} --pairs 9 --repeats 4", "--repeats is 4; of 9 questions it takes up to 3"),
        ("--set a={0} --set b={1} --pairs 0", "--pairs is 0; it takes 1 or more"),
        ("--set a={0} --set b={1} --seed -1", "--seed is -1; it takes 0 to"),
        ("--set a={0} --set b={1} --limit 0", "--limit is 0; it takes 1 or more"),
        ("--set a={0} --set b={1} --output {0}/inside", "lies inside"),
    ],
)
def test_what_makes_no_study_gets_one_line_and_leaves_nothing(capsys, folders, tmp_path, arguments, message):
    other, turned, broken, twice = (tmp_path / name for name in ("other", "turned", "broken", "twice"))
    write(other / "elsewhere.png", np.zeros((*SIZE, 3), np.uint8))
    write(turned / "picture_0.png", np.zeros((*SIZE[::-1], 3), np.uint8))
    broken.mkdir()
    (broken / "picture_0.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    for ending in ("png", "jpg"):
        write(twice / f"picture_0.{ending}", np.zeros((*SIZE, 3), np.uint8))
    there = [*(folders[name] for name in (*METHODS[:2], "known", "masks")), other, turned, broken, twice]
    given = arguments.format(*there).split()
    output = [] if "--output" in given else ["--output", str(tmp_path / "out" / "s")]
    status, out, err = run(capsys, "make", *given, *output)
    if message is None:  # noise is as good a mask as any
        assert status == 0
        return
    assert (status, out) == (2, "")
    lines = [line for line in err.splitlines() if line and "pictures/s" not in line and "left out" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_study_is_never_replaced(capsys, study, folders):
    before = (study / materials.KEY).read_bytes()
    status, _, err = run(capsys, "make", *of_sets(folders, METHODS), "--output", study)
    assert (status, err) == (2, f"error: {study} exists; give the name of a new folder\n")
    assert (study / materials.KEY).read_bytes() == before


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("run"), tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24)), 1)


@pytest.mark.slow
def test_photographs_are_completed_by_models_fills_and_themselves(capsys, quick_detail, workdir, folders, tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(3):
        write(
            tmp_path / "photos" / f"{number}.png", np.random.default_rng(number).integers(0, 256, (60, 50, 3), np.uint8)
        )
    (tmp_path / "photos" / "3.png").write_bytes(b"nothing")
    methods = [workdir, f"{workdir}:plain", "telea", "real"]
    command = ["make", "--data", tmp_path / "photos", "--methods", *methods, "--task", "around", "--seed", 5]
    status, _, err = run(capsys, *command, "--output", tmp_path / "s")
    assert status == 0, err
    assert f"skipped {tmp_path}/photos/3.png: " in err
    key, generator = materials.read_key(tmp_path / "s"), load_generator(workdir)
    assert key.methods == [str(workdir), f"{workdir}:plain", "Telea", "real"]
    for number, entry in enumerate(key.entries):
        found = {method: read(key.file(name)) for method, name in entry.completed.items()}
        photo = read(tmp_path / "photos" / f"{number}.png")
        np.testing.assert_array_equal(found["real"], photo)
        known = photo[10:50, 8:42]
        for detail, name in ((True, str(workdir)), (False, f"{workdir}:plain")):
            made = expand(generator, known, top=10, bottom=10, left=8, right=8, detail=detail, seed=5)
            np.testing.assert_array_equal(found[name], made)
        np.testing.assert_array_equal(found["Telea"][10:50, 8:42], known)
        assert (found["Telea"] != photo).any()
        shown = np.full_like(photo, 128)
        shown[10:50, 8:42] = known
        np.testing.assert_array_equal(read(key.file(entry.known)), shown)
    assert len(key.entries) == 3


def test_by_default_the_first_models_known_parts_are_placed_by_seed(workdir, tmp_path):
    write(tmp_path / "photos" / "photo.png", np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8))
    known = []
    for seed in (1, 1, 2):
        folder = tmp_path / f"s{len(known)}"
        command = ["make", "--data", str(tmp_path / "photos"), "--methods", f"{workdir}:plain", "mean"]
        program.main([*command, "--seed", str(seed), "--output", str(folder)])
        key = materials.read_key(folder)
        known.append(read(key.file(key.entries[0].known)))
        assert (known[-1] != 128).any(axis=-1).sum() == pytest.approx(16 * 24, abs=4)  # a quarter, as at its training
    np.testing.assert_array_equal(known[0], known[1])
    assert (known[0] != known[2]).any()


# What is reported


def answer_all(study: Path, count: int, prefer: str) -> None:
    """Has `count` participants prefer a method, and left where it is not among the two."""
    key = materials.read_key(study)
    with closing(Answers(study / materials.ANSWERS, key.questionnaire)) as one:
        for _ in range(count):
            token = one.join()
            while question := (state := one.state(token)).question:
                one.answer(token, state.answered, "right" if question.right == prefer else "left")


def test_without_answers_the_report_says_so(capsys, study):
    status, out, _ = run(capsys, "report", "--study", study)
    assert status == 0
    assert out.startswith("There are no answers yet.\n")
    assert "There are no answers yet." in (study / materials.REPORT).read_text()


def test_a_report_has_shares_tests_and_participants(capsys, study):
    answer_all(study, 4, METHODS[1])
    _, asked = answers.read(study / materials.ANSWERS)
    status, out, _ = run(capsys, "report", "--study", study)
    assert status == 0
    assert out.startswith("48 answers of 4 participants.\n")
    first = preferences(asked, METHODS)[0].answers
    assert (first.some, first.of) == (0, 12)
    low, high, p = by_hand(0, 12)
    row = f"0.0 % ({100 * low:.1f} to {100 * high:.1f}) | 0 of 12 | p = {p:.4f} | 0 of 4 | p = 0.1250"
    assert f"| {METHODS[0]} over {METHODS[1]} | {row} |" in out
    assert re.search(r"\n\| 4 \| \d{4}-\d\d-\d\d \d\d:\d\d \| 12 of 12 \| \d+ % \| \d of 3 \|", out)
    html = (study / materials.REPORT).read_text()
    assert html.count("<tr><td>picture_") == 5
    assert "<td>seed</td><td>0</td>" in html
    assert "Table 2" in html
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)
    assert not re.search(r"https?://|url\(|@import", html)


def test_another_output_is_replaced_by_force_alone(capsys, study, tmp_path):
    output = tmp_path / "mine.html"
    command = ["report", "--study", study, "--output", output]
    assert run(capsys, *command)[0] == 0
    assert run(capsys, *command) == (2, "", f"error: --output {output} exists; --force replaces it\n")
    assert run(capsys, *command, "--force")[0] == 0
    assert run(capsys, "report", "--study", study, "--output", tmp_path)[0] == 2


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def swap(found: str, other: str) -> Callable[[Path], object]:
    return lambda file: file.write_text(file.read_text().replace(found, other))


@pytest.mark.parametrize(
    ("program_name", "file", "damage", "message"),
    [
        ("serve", "study.json", Path.unlink, "is no study: it has no study.json"),
        ("report", "study.json", Path.unlink, "is no study: it has no study.json"),
        ("serve", "study.json", cut, "study.json is damaged"),
        ("report", "study.json", swap('"methods"', '"nothing"'), "study.json is damaged"),
        ("report", "study.json", swap('"repeats": 3', '"repeats": "3"'), "study.json is damaged"),
        ("serve", "study.json", swap('"known": "', '"known": "../'), "study.json is damaged"),
        (
            "serve",
            "answers.sqlite",
            Path.unlink,
            "answers.sqlite, which has the study's answers, cannot be used: it is mi",
        ),
        (
            "report",
            "answers.sqlite",
            Path.unlink,
            "answers.sqlite, which has the study's answers, cannot be used: it is",
        ),
        ("serve", "answers.sqlite", cut, "answers.sqlite, which has the study's answers, cannot be used"),
        ("report", "answers.sqlite", cut, "answers.sqlite, which has the study's answers, cannot be used"),
        ("serve", "pictures", shutil.rmtree, ".png is missing: the study cannot be shown as it was made"),
        ("report", "pictures", shutil.rmtree, ".png cannot be read: No such file or directory"),
    ],
)
def test_a_study_that_is_damaged_gets_one_line(capsys, study, program_name, file, damage, message):
    damage(study / file)
    status, out, err = run(capsys, program_name, "--study", study)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_answers_of_another_study_are_refused(capsys, study, folders, tmp_path):
    answer_all(study, 1, METHODS[0])
    program.main(["make", *of_sets(folders, METHODS[:2]), "--output", str(tmp_path / "other")])
    shutil.copy(study / materials.ANSWERS, tmp_path / "other" / materials.ANSWERS)
    status, _, err = run(capsys, "report", "--study", tmp_path / "other")
    assert status == 2
    assert "has answers of another study" in err


# The command line


@pytest.mark.parametrize("name", ["make", "serve", "report"])
def test_help_has_an_example(capsys, name):
    with pytest.raises(SystemExit) as end:
        parse([name, "--help"])
    assert end.value.code == 0
    assert f"examples:\n  {name} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the following arguments are required: {make,serve,report}"),
        ("draw", "invalid choice: 'draw'"),
        ("serve", "the following arguments are required: --study"),
        ("serve --study {0} --port 0", "--port is 0; it takes 1 to 65535"),
        (
            "serve --study {0} --host nowhere.invalid",
            "--host is 'nowhere.invalid', which is no address of this machine",
        ),
        (
            "serve --study {0} --port {1}",
            "cannot listen on 127.0.0.1, port {1}: without --port it takes the first that",
        ),
    ],
)
def test_command_lines_that_are_wrong_get_one_line(capsys, study, arguments, message):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, out, err = run(capsys, *arguments.format(study, port).split())
    assert (status, out) == (2, "")
    assert message.replace("{1}", str(port)) in err
    assert err.count("\n") == 1
    assert not (study / ".lock").exists()
