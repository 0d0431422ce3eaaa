#!/usr/bin/env bash
# Trains on all workers of a Cloud TPU slice; all arguments go to the main program. From any machine with gcloud, best
# inside tmux, since the run lives as long as its connection:
#
#   TPU_NAME=NAME ZONE=ZONE launch/tpu_pod.sh --config=configs/folder.py --config.data.path=FOLDER --workdir=RUN
#
# Edit these, here or in the environment. Each worker has a clone at CLONE (absolute, or from its home) with a Python
# environment in which `pip install "jax[tpu]"` was done. FOLDER and RUN must be on storage that all workers see.
# To resume after an interruption, give the same command again. To stop a run so that it saves:
#
#   gcloud compute tpus tpu-vm ssh NAME --zone=ZONE --worker=0 --command="pkill -TERM -f '[s]rn_jax.main'"
set -euo pipefail
: "${TPU_NAME:?is the name of the TPU slice}" "${ZONE:?is its zone, such as us-central2-b}"
CLONE=${CLONE:-srn_jax}
PYTHON=${PYTHON:-.venv/bin/python} # absolute, or from CLONE

# The workers' shells split the command once more, so every argument is quoted for them.
command="cd $(printf %q "$CLONE") && exec$(printf ' %q' "$PYTHON" -m srn_jax.main "$@")"
exec gcloud compute tpus tpu-vm ssh "$TPU_NAME" --zone="$ZONE" --worker=all --command="$command"
