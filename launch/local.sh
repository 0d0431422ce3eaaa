#!/usr/bin/env bash
# Trains on every accelerator of this machine; all arguments go to the main program:
#
#   launch/local.sh --config=configs/folder.py --config.data.path=FOLDER --workdir=RUN
#
# Edit nothing. To resume after an interruption, give the same command again.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python -m srn_jax.main "$@"
