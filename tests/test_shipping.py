"""Containers and GitHub's workflow: linted, and held to what they are said to be; neither is built or run here."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from srn_jax.demo import __main__ as demo
from tests.programs import ROOT

DOCKERFILES = CPU, CUDA = ROOT / "launch" / "Dockerfile", ROOT / "launch" / "Dockerfile.cuda"
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def lint(name: str, *arguments: object) -> None:
    """Runs a linter, of this environment or of the system; skips where it is not installed."""
    beside = Path(sys.executable).with_name(name)
    found = beside if beside.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def instructions(path: Path) -> list[tuple[str, str]]:
    """Returns a Dockerfile's instructions, each with what is behind it, in one line."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = [line.strip().partition(" ") for line in "\n".join(lines).replace("\\\n", " ").splitlines()]
    return [(name, " ".join(rest.split())) for name, _, rest in found]


def of(path: Path, name: str) -> list[str]:
    return [rest for instruction, rest in instructions(path) if instruction == name]


def copied() -> list[str]:
    """Returns the paths of the clone that the wheel of the container is made from."""
    return [path for rest in of(CPU, "COPY") for path in rest.split()[:-1]]


# Containers.


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path):
    lint("hadolint", path)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_containers_run_as_nobody_in_particular(path):
    assert {name for name, _ in instructions(path)} <= INSTRUCTIONS
    assert int(of(path, "USER")[-1]) > 0
    installs = [rest for rest in of(path, "RUN") if re.search(r"\bpip (install|wheel)\b", rest)]
    assert installs
    assert all("--no-cache-dir" in rest for rest in installs)


def test_what_is_copied_is_there_and_all_that_a_wheel_needs():
    paths = copied()
    assert [path for path in paths if not (ROOT / path).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    read = [project["project"]["readme"], *project["project"]["license-files"]]
    read += project["tool"]["setuptools"]["dynamic"]["dependencies"]["file"]
    packages = {name.partition(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    assert sorted(paths) == sorted(
        ["pyproject.toml", *read, *packages, *project["tool"]["setuptools"]["package-dir"].values()]
    )


def test_a_container_serves_the_page_and_takes_other_programs():
    (entry,), (default,), (port,) = of(CPU, "ENTRYPOINT"), of(CPU, "CMD"), of(CPU, "EXPOSE")
    assert json.loads(entry) == ["srn-jax"]
    program, *arguments = json.loads(default)
    assert program == "demo"
    options = demo.parse(arguments)
    assert (options.host, options.port) == ("0.0.0.0", int(port))
    told = re.findall(r"^#   docker run .*", CPU.read_text() + CUDA.read_text(), re.MULTILINE)
    assert len(told) == 4
    assert all(f"-p {port}:{port} " in line or " train --config=" in line for line in told)


def test_the_gpu_s_container_is_the_other_one_with_cuda():
    (base,) = of(CUDA, "FROM")
    for path in DOCKERFILES:
        assert f"#   docker build -f launch/Dockerfile -t {base} .\n" in path.read_text()
    assert not {"ENTRYPOINT", "CMD", "EXPOSE", "WORKDIR"} & {name for name, _ in instructions(CUDA)}
    images = re.findall(r"image: \S+/(\S+)", (ROOT / "launch" / "kubernetes.yaml").read_text())
    assert [f"-t {image} ." in CUDA.read_text() for image in images] == [True]


# GitHub.


def test_the_workflow_has_githubs_keys():
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW)


def test_actionlint_finds_nothing():
    lint("actionlint", WORKFLOW)


def test_the_workflow_only_reads_and_runs_what_is_pinned():
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = [found[1] for name in project["classifiers"] if (found := re.search(r"Python :: (3\.\d+)$", name))]
    (job,) = workflow["jobs"].values()
    assert "permissions" not in job
    assert 0 < job["timeout-minutes"] <= 180
    assert job["strategy"]["matrix"] == {"python": versions}
    assert project["requires-python"] == f">={versions[0]}"
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", used) for used in uses)
    assert all(re.search(rf"{used} # v\d+\.\d+\.\d+$", WORKFLOW.read_text(), re.MULTILINE) for used in uses)
    (python,) = [step["with"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert python["python-version"] == "${{ matrix.python }}"
    assert python["cache"] == "pip"
    assert [path for path in python["cache-dependency-path"].split() if not (ROOT / path).exists()] == []
    (command,) = [step["run"] for step in job["steps"] if "run" in step]
    assert (ROOT / command).stat().st_mode & 0o111
