"""The command `srn-jax`, and configuration files by name: what each runs, and what it says of names that are none."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from srn_jax import __main__ as command
from srn_jax.config import flags, shipped
from srn_jax.errors import InputError
from tests.programs import ROOT, ended, environment

CONFIGS = ROOT / "configs"
HEAVY = ("jax", "numpy", "PIL", "absl")


@pytest.fixture
def script(tmp_path) -> Path:
    """The file that pip makes of the command's entry point."""
    file = tmp_path / "bin" / "srn-jax"
    file.parent.mkdir()
    file.write_text("import sys\nfrom srn_jax.__main__ import main\nsys.exit(main())\n")
    return file


def execute(*arguments: object, folder: Path) -> tuple[int, str, str]:
    """Runs Python in `folder`; returns the exit status, and what it wrote to standard output and standard error."""
    given = environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env=given, cwd=folder, capture_output=True, text=True, timeout=100
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("infre", "'infre'; did you mean infer?"),
        ("main", "'main'; did you mean train?"),
        ("wrong", "'wrong'; there are: infer, demo, evaluate, experiments, study, train, data, vgg, convert, export"),
        ("", "''; there are: infer, demo, evaluate, experiments, study, train, data, vgg, convert, export"),
    ],
)
def test_a_name_that_is_no_program_s_gets_one_line(capsys, name, said):
    assert ended(command.main, capsys, name, "--help") == (2, "", f"error: there is no program {said}\n")


def test_an_option_that_is_none_gets_one_line(capsys):
    line = "error: unrecognized arguments: --wrong; --help lists the options\n"
    assert ended(command.main, capsys, "--wrong") == (2, "", line)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["vgg", "--check", "nowhere"], ["train", "--config=nowhere"]])
def test_the_command_is_the_same_as_the_module(script, tmp_path, arguments):
    module = {"train": "main"}.get(arguments[0], arguments[0])
    expected = execute("-m", f"srn_jax.{module}", *arguments[1:], folder=tmp_path)
    assert expected[0] == 2
    assert execute(script, *arguments, folder=tmp_path) == expected
    assert execute("-m", "srn_jax", *arguments, folder=tmp_path) == expected


@pytest.mark.parametrize(("name", "own"), [("srn-jax", True), ("another", False)])
def test_ctrl_c_ends_our_command_at_once_as_it_starts_and_is_left_as_it_is_for_others(tmp_path, name, own):
    (tmp_path / name).write_text(
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from srn_jax.__main__ import main\nprint(signal.getsignal(signal.SIGINT) is signal.SIG_DFL)\n"
    )
    assert execute(tmp_path / name, folder=tmp_path) == (0, f"{own}\n", "")


def test_the_list_needs_no_library(tmp_path):
    # What `import srn_jax` loads is another matter.
    code = f"import sys, srn_jax; there = set(sys.modules); import srn_jax.__main__; print([name for name in {HEAVY} "
    code += "if name in set(sys.modules) - there])"
    assert execute("-c", code, folder=tmp_path) == (0, "[]\n", "")


# Configuration files.


@pytest.mark.parametrize("name", ["quickstart", "quickstart.py", "configs/quickstart.py", "configs/quickstart"])
def test_configurations_go_by_name_wherever_no_file_is_named_so(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    assert shipped.find(name) == CONFIGS / "quickstart.py"
    here = Path(name)
    here.parent.mkdir(exist_ok=True)
    here.touch()
    assert shipped.find(name) == here


def test_all_of_configs_have_a_name():
    assert sorted(shipped.shipped().values()) == sorted(CONFIGS.glob("*.py"))


def test_in_a_wheel_they_are_beside_the_rooms(monkeypatch, tmp_path):
    wheel, clone = tmp_path / "srn_jax" / "configs", tmp_path / "configs"  # the latter is another package's
    for folder in (wheel, clone):
        folder.mkdir(parents=True)
        (folder / "mine.py").touch()
    monkeypatch.setattr(shipped, "_FOLDERS", (wheel, clone))
    assert shipped.find("mine") == wheel / "mine.py"


@pytest.mark.parametrize("name", ["quickstrat", "", "there", "configs", "./quickstart.py", "../quickstart", "a/b.py"])
def test_what_names_no_configuration_lists_those_there_are(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    with pytest.raises(InputError) as refused:
        shipped.find(name)
    names = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.py")))
    assert str(refused.value) == f"--config names {name!r}, which is no file; there are: {names}"


def test_beside_a_file_that_is_not_there_others_are_listed(tmp_path):
    for name in ("b.py", "a.py", "c.txt"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=rf"is no file; there are: {tmp_path}/a.py, {tmp_path}/b.py$"):
        shipped.find(f"{tmp_path}/d.py")


def test_a_name_of_before_is_taken_with_a_note(capsys):
    assert shipped.find("boxed") == shipped.find("configs/boxed.py") == CONFIGS / "bundled.py"
    assert capsys.readouterr().err == "note: the configuration boxed is now called bundled\n" * 2


def test_names_are_paths_before_absl_reads_them(monkeypatch):
    monkeypatch.setattr(flags.flags, "FLAGS", MagicMock(side_effect=list))
    file = f"{CONFIGS}/ablation.py"
    given = ["main.py", "--config=ablation:fig8_ed,small", "-config", "ablation", "--config.data.batch=2", "ablation"]
    expected = ["main.py", f"--config={file}:fig8_ed,small", "-config", file, "--config.data.batch=2", "ablation"]
    assert flags.parse_or_fail(given) == expected
