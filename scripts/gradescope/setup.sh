#!/bin/sh
# Run once when a Gradescope-like autograder image is built. The course's folder is /autograder/source.
set -eu
apt-get update
apt-get install -y --no-install-recommends python3 python3-venv git make bubblewrap
sh "${AUTOGRADER:-/autograder}/source/scripts/setup"
