"""launch/: linted, and run as a scheduler would run them, down to the program's own check of devices and settings."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from srn_jax import SRN
from tests import programs
from tests.test_generator import save, tiny_generator

ROOT = Path(__file__).parent.parent
LAUNCH = ROOT / "launch"
SCRIPTS = sorted([*ROOT.glob("launch/*.sh"), *ROOT.glob("launch/*.sbatch"), *ROOT.glob(".ci/*")])
SLURM, FOLDER, TPU, KUBERNETES, LOCAL, MINUTES = (
    LAUNCH / name
    for name in ("slurm.sbatch", "folder.sbatch", "tpu_pod.sh", "kubernetes.yaml", "local.sh", "minutes.sh")
)
QUICKSTART = f"--config={ROOT}/configs/quickstart.py"
AWKWARD = ["--config=configs/my file.py", '--config.data.path=it\'s "here"', "$HOME `id` \\ *", "two\nlines", ""]


def environment(*folders: Path, **variables: object) -> dict[str, str]:
    """Of a subprocess: this Python is `python`, after `folders`; two virtual devices on CPU."""
    path = [*map(str, folders), str(Path(sys.executable).parent), os.environ["PATH"]]
    ours = programs.environment(2) | {"PATH": os.pathsep.join(path)}
    return ours | {name: str(value) for name, value in variables.items()}


def execute(*command: str | Path, given: dict[str, str] | None = None, folder: Path = ROOT) -> tuple[int, str]:
    """Returns the exit status and all that was printed."""
    done = subprocess.run(
        command, env=given, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400
    )
    return done.returncode, done.stdout


def program(path: Path, text: str) -> Path:
    """Writes an executable bash script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{text}")
    path.chmod(0o755)
    return path


def free_port() -> int:
    """Of this machine, and in the range from which JAX takes its own under SLURM."""
    for port in range(61440 + os.getpid() % 3000, 65536):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


# Every script.


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    beside = Path(sys.executable).with_name("shellcheck")
    shellcheck = beside if beside.exists() else shutil.which("shellcheck")
    assert shellcheck, "shellcheck is missing; it comes with: pip install -e '.[dev]'"
    code, out = execute(shellcheck, "--norc", script)
    assert code == 0, out


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_stop_at_the_first_error(script):
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert next(line for line in lines if line and not line.startswith("#")) == "set -euo pipefail"
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("path", sorted(LAUNCH.iterdir()), ids=lambda path: path.name)
def test_headers_say_what_to_edit_and_how_to_resume(path):
    header = "\n".join(takewhile(lambda line: line.startswith("#"), path.read_text().splitlines()))
    assert re.search(r"\bEdit\b", header)
    assert re.search(r"\bresume\b", header)


@pytest.mark.parametrize("path", sorted(LAUNCH.iterdir()), ids=lambda path: path.name)
def test_launchers_hold_no_hyperparameters(path):
    code = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    if path == MINUTES:  # which names each run, and the one before it
        code = [re.sub(r"--config(=|\.run\.start_from=)", "", line) for line in code]
    assert not [line for line in code if "--config." in line]
    if path != KUBERNETES:  # which has no command line, and so names a configuration
        assert not [line for line in code if "--config" in line]
    if path in SCRIPTS:
        assert sum('"$@"' in line for line in code) == 1


# One machine.


@pytest.mark.slow
def test_local_runs_in_the_clone_from_anywhere(tmp_path):
    run = tmp_path / "run"
    arguments = ["--config=configs/quickstart.py", f"--workdir={run}", "--dry_run"]
    code, out = execute(LOCAL, *arguments, given=environment(), folder=tmp_path)
    assert code == 0, out
    assert not run.exists()


# SLURM.

# What srun does: as many tasks as asked for, each with its numbers; ends with the highest status. It sends SIGTERM,
# as --signal makes SLURM do, when the file TERM_WHEN has lines.
SRUN = """
while [[ ${1-} == --* ]]; do echo "$1" >>"$LOG"; shift; done
tasks=()
trap 'kill -KILL "${tasks[@]}" 2>/dev/null || true' EXIT
for rank in 0 1; do
  SLURM_STEP_NODELIST=localhost SLURM_STEP_NUM_NODES=1 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 \
    SLURM_PROCID=$rank SLURM_LOCALID=$rank "$@" &
  tasks+=($!)
done
if [ -n "${TERM_WHEN-}" ]; then
  until [ -e "$TERM_WHEN" ] && [ "$(wc -l <"$TERM_WHEN")" -gt "$LINES_BEFORE" ]; do
    sleep 0.2
    kill -0 "${tasks[@]}"
  done
  kill -TERM "${tasks[@]}"
fi
status=0
for task in "${tasks[@]}"; do
  code=0; wait "$task" || code=$?
  echo "ended with $code" >>"$LOG"
  if [ "$code" -gt "$status" ]; then status=$code; fi
done
exit "$status"
"""
SCONTROL = 'echo "scontrol $*" >>"$LOG"\n'


def slurm(
    folder: Path, srun: str, *arguments: str | Path, script: Path = SLURM, **variables: object
) -> tuple[int, str, list[str]]:
    """Runs a batch script as a node would, with a copy; returns status, output, and what SLURM was asked."""
    log = folder / "asked"
    log.write_text("")
    program(folder / "bin" / "srun", srun)
    program(folder / "bin" / "scontrol", SCONTROL)
    copy = shutil.copy(script, folder / "slurm_script")
    # JAX derives the coordinator's port from the job's number.
    job = 4096 * 7 + free_port() - 61440
    given = environment(folder / "bin", LOG=log, SLURM_JOB_ID=job, SLURM_CPUS_PER_TASK=8, **variables)
    code, out = execute("bash", copy, *arguments, given=given)
    return code, out, log.read_text().replace(str(job), "JOB").splitlines()


@pytest.mark.parametrize(
    ("status", "requeued"),
    [(0, False), (1, False), (75, True), (137, False), (143, False)],
    ids=["ended", "failed", "saved", "killed", "terminated unsaved"],
)
def test_slurm_requeues_a_run_that_saved_and_no_other(tmp_path, status, requeued):
    code, out, asked = slurm(tmp_path, f"exit {status}", "--config=x")
    assert code == status, out
    assert asked == (["scontrol requeue Incomplete JOB"] if requeued else [])


def test_slurm_passes_arguments_on_unchanged(tmp_path):
    code, out, _ = slurm(tmp_path, "printf '%s\\0' \"$@\"", *AWKWARD)
    assert code == 0, out
    options, main = out.split("\0python\0-m\0srn_jax.main\0")
    assert main == "\0".join([*AWKWARD, "--interrupted_status=75", ""])
    # JAX on SLURM takes, of all GPUs of the node, the one of the task's local number.
    assert options.split("\0") == ["--gpu-bind=none", "--cpus-per-task=8", "--kill-on-bad-exit=0"]


def test_slurm_asks_for_one_task_per_gpu():
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", SLURM.read_text(), re.MULTILINE))
    assert len(asked) == SLURM.read_text().count("#SBATCH")
    assert asked["gpus-per-node"] == asked["ntasks-per-node"]
    assert "gpus-per-task" not in asked  # it would bind: each task would see one GPU, and call it number 0
    assert re.fullmatch(r"TERM@\d+", asked["signal"])  # to the steps: "B:" would be the shell alone
    assert {"nodes", "cpus-per-task", "time", "requeue"} <= set(asked)
    assert asked["open-mode"] == "append"


@pytest.mark.slow
def test_under_slurm_each_task_does_its_share_of_a_folder(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        Image.effect_noise((12, 8), 60).convert("RGB").save(tmp_path / "in" / f'it\'s "{number}" $HOME.png')
    model = save(tmp_path / "run", tiny_generator(SRN((2, 2), width=2), (8, 12), (16, 24)), 1)
    given = ["--checkpoint", model, "--input", tmp_path / "in", "--output", tmp_path / "out of it"]
    code, out, asked = slurm(tmp_path, SRUN, *given, script=FOLDER)
    assert code == 0, out
    assert asked == ["--cpus-per-task=8", "--kill-on-bad-exit=0", "ended with 0", "ended with 0"]
    for share, count in (("0/2", 2), ("1/2", 1)):
        assert f"of share {share}: wrote {count} of {count} pictures to {tmp_path / 'out of it'}" in out
    found = json.loads((tmp_path / "out of it" / "manifest.json").read_text())
    assert len([one for one in found["pictures"] if "written" in one]) == 3
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", FOLDER.read_text(), re.MULTILINE))
    assert asked["ntasks-per-node"] == "1"  # which has all of the node's devices
    assert asked["open-mode"] == "append"


@pytest.mark.slow
def test_slurm_is_detected(tmp_path):
    run = tmp_path / "run"
    code, out, asked = slurm(tmp_path, SRUN, QUICKSTART, f"--workdir={run}", "--dry_run")
    assert code == 0, out
    assert "on 4 x cpu" in out
    assert not [line for line in asked if "requeue" in line]
    assert not run.exists()


@pytest.mark.slow
def test_slurm_goes_on_after_its_time_ran_out(tmp_path):
    run, metrics = tmp_path / "run", tmp_path / "run" / "metrics.jsonl"
    tiny = [f"--config={ROOT}/tests/tiny_run.py", "--config.reconstruction.steps=100000"]
    for continued in (False, True):
        before = metrics.read_text().count("\n") if continued else 0
        variables = {"TERM_WHEN": metrics, "LINES_BEFORE": before + 3}
        code, out, asked = slurm(tmp_path, SRUN, *tiny, f"--workdir={run}", **variables)
        assert code == 75, out
        assert asked[-3:] == ["ended with 75", "ended with 75", "scontrol requeue Incomplete JOB"], out
        assert continued == ("continuing from step" in out), out


# Cloud TPU.

RECORD = 'printf "%s\\0" "$PWD" "$@" >"$LOG"\n'


@pytest.mark.parametrize("clone", ["srn_jax", "my work/srn's"])
def test_tpu_workers_get_the_arguments_unchanged(tmp_path, clone):
    asked, got, home = tmp_path / "asked", tmp_path / "got", tmp_path / "home"
    program(tmp_path / "bin" / "gcloud", RECORD)
    python = program(home / clone / ".venv" / "bin" / "python", RECORD)
    given = environment(tmp_path / "bin", LOG=asked, TPU_NAME="my-slice", ZONE="us-central2-b", CLONE=clone)
    code, out = execute(TPU, *AWKWARD, given=given)
    assert code == 0, out
    _, *argv, command, end = asked.read_text().split("\0")
    assert end == ""
    assert argv == ["compute", "tpus", "tpu-vm", "ssh", "my-slice", "--zone=us-central2-b", "--worker=all"]
    # ssh hands the command to the worker's shell, in the home folder.
    code, out = execute("bash", "-c", command.removeprefix("--command="), given=environment(LOG=got), folder=home)
    assert code == 0, out
    assert got.read_text().split("\0") == [str(python.parents[2]), "-m", "srn_jax.main", *AWKWARD, ""]


@pytest.mark.parametrize("missing", ["TPU_NAME", "ZONE"])
def test_tpu_asks_for_what_is_missing(tmp_path, missing):
    program(tmp_path / "bin" / "gcloud", RECORD)
    given = environment(tmp_path / "bin", LOG=tmp_path / "asked", TPU_NAME="my-slice", ZONE="us-central2-b")
    code, out = execute(TPU, given={name: value for name, value in given.items() if name != missing})
    assert code != 0
    assert f"{missing}: is " in out
    assert not (tmp_path / "asked").exists()


def test_tpu_without_arguments_passes_none(tmp_path):
    asked = tmp_path / "asked"
    program(tmp_path / "bin" / "gcloud", RECORD)
    given = environment(tmp_path / "bin", LOG=asked, TPU_NAME="my-slice", ZONE="us-central2-b")
    execute(TPU, given=given)
    assert asked.read_text().split("\0")[-2].endswith(" -m srn_jax.main")


# Kubernetes.

# The keys that JobSet v1alpha2, batch/v1 and core/v1 define at each level of the file; the API server refuses others,
# or drops them without a word.
_POD = "spec.replicatedJobs[].template.spec.template"
KEYS = {
    "": "apiVersion kind metadata spec",
    "metadata": "name namespace labels annotations",
    "spec": "replicatedJobs network successPolicy failurePolicy startupPolicy suspend coordinator managedBy"
    " ttlSecondsAfterFinished volumeClaimPolicies",
    "spec.network": "enableDNSHostnames subdomain publishNotReadyAddresses",
    "spec.failurePolicy": "maxRestarts restartStrategy rules",
    "spec.replicatedJobs[]": "name groupName template replicas dependsOn",
    "spec.replicatedJobs[].template": "metadata spec",
    "spec.replicatedJobs[].template.spec": "activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode"
    " completions managedBy manualSelector maxFailedIndexes parallelism podFailurePolicy podReplacementPolicy selector"
    " successPolicy suspend template ttlSecondsAfterFinished",
    _POD: "metadata spec",
    f"{_POD}.spec": "activeDeadlineSeconds affinity automountServiceAccountToken containers dnsConfig dnsPolicy"
    " enableServiceLinks hostIPC hostNetwork imagePullSecrets initContainers nodeName nodeSelector overhead"
    " preemptionPolicy priority priorityClassName restartPolicy runtimeClassName schedulerName schedulingGates"
    " securityContext serviceAccountName shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations"
    " topologySpreadConstraints volumes",
    f"{_POD}.spec.containers[]": "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports"
    " readinessProbe resources securityContext startupProbe stdin terminationMessagePath terminationMessagePolicy tty"
    " volumeDevices volumeMounts workingDir",
    f"{_POD}.spec.containers[].resources": "claims limits requests",
    f"{_POD}.spec.containers[].resources.limits": "cpu memory ephemeral-storage nvidia.com/gpu",
    f"{_POD}.spec.containers[].volumeMounts[]": "mountPath mountPropagation name readOnly recursiveReadOnly",
    f"{_POD}.spec.volumes[]": "name emptyDir hostPath nfs persistentVolumeClaim",
    f"{_POD}.spec.volumes[].persistentVolumeClaim": "claimName readOnly",
    f"{_POD}.spec.volumes[].emptyDir": "medium sizeLimit",
}


def levels(node: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yields where each mapping is, and its keys."""
    if isinstance(node, dict):
        yield path, set(node)
        for key, value in node.items():
            yield from levels(value, f"{path}.{key}".lstrip("."))
    elif isinstance(node, list):
        for value in node:
            yield from levels(value, f"{path}[]")


def job_set() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Returns the set, its job, its pod's spec and its container."""
    document = yaml.safe_load(KUBERNETES.read_text())
    (replicated,) = document["spec"]["replicatedJobs"]
    job = replicated["template"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    return document, job, job["template"]["spec"], container


def flag(container: dict[str, Any], name: str) -> str:
    """Returns the value of the command's only --name=."""
    (value,) = [part.partition("=")[2] for part in container["command"] if part.startswith(f"--{name}=")]
    return value


def expand(text: str, variables: dict[str, str]) -> str:
    """Replaces $(NAME) as a kubelet does: an unknown name stays, $$ is a dollar."""
    pattern = re.compile(r"\$(\$|\(([A-Za-z_][A-Za-z0-9_]*)\))")
    return pattern.sub(lambda found: variables.get(found[2], found[0]) if found[2] else "$", text)


def test_kubernetes_has_the_apis_keys():
    document, *_ = job_set()
    assert (document["apiVersion"], document["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    for path, keys in levels(document):
        assert keys <= set(KEYS[path].split()), path


def test_kubernetes_counts_agree():
    document, job, _, container = job_set()
    assert job["completionMode"] == "Indexed"
    assert document["spec"]["replicatedJobs"][0]["replicas"] == 1
    assert job["completions"] == job["parallelism"] == int(flag(container, "num_processes"))
    assert flag(container, "process_id") == "$(JOB_COMPLETION_INDEX)"  # which an indexed job gives its containers


def test_kubernetes_coordinator_is_the_first_pod():
    document, _, _, container = job_set()
    name, replicated = document["metadata"]["name"], document["spec"]["replicatedJobs"][0]["name"]
    assert document["spec"]["network"]["enableDNSHostnames"] is True
    host, _, port = flag(container, "coordinator").partition(":")
    assert host == f"{name}-{replicated}-0-0.{name}"
    assert 1024 < int(port) < 65536


def test_kubernetes_saves_before_it_kills_and_restarts_what_was_evicted():
    document, job, pod, container = job_set()
    assert pod["terminationGracePeriodSeconds"] >= 120
    assert pod["restartPolicy"] == "Never"
    assert job["backoffLimit"] == 0
    assert document["spec"]["failurePolicy"]["maxRestarts"] > 0
    assert flag(container, "interrupted_status") == "143"
    assert container["command"][0] == "python"  # a shell would keep SIGTERM to itself


def test_kubernetes_volumes_are_there_and_shared():
    _, _, pod, container = job_set()
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert set(mounts) == set(volumes)
    assert volumes["shm"]["emptyDir"]["medium"] == "Memory"
    assert mounts["shm"] == "/dev/shm"
    assert "persistentVolumeClaim" in volumes["shared"]
    (workdir,) = [part.removeprefix("--workdir=") for part in container["args"] if part.startswith("--workdir=")]
    assert Path(mounts["shared"]) in Path(workdir).parents


@pytest.mark.slow
def test_kubernetes_pods_find_each_other(tmp_path):
    _, job, _, container = job_set()
    host = flag(container, "coordinator")
    here = f"127.0.0.1:{free_port()}"
    pods = []
    for index in range(job["completions"]):
        # In every pod there is the address of the API server, which JAX takes for a sign to look around itself.
        variables = {"JOB_COMPLETION_INDEX": str(index), "KUBERNETES_SERVICE_HOST": "127.0.0.1"}
        command = [expand(part, variables) for part in [*container["command"], *container["args"], "--dry_run"]]
        command = [part.replace(host, here).replace("/shared/", f"{tmp_path}/") for part in command]
        given = environment(**variables)
        pods.append(
            subprocess.Popen(command, env=given, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    try:
        printed = [pod.communicate(timeout=400)[0] for pod in pods]
    finally:
        for pod in pods:
            pod.kill()
    assert [pod.returncode for pod in pods] == [0, 0], "\n".join(printed)
    assert "on 4 x cpu" in printed[0]
    assert not list(tmp_path.iterdir())
