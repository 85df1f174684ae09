#!/usr/bin/env bash
# Build the service as build/service: `build.sh [FOLDER]`, where FOLDER holds the programs of a Python environment.
# If Go or lib/pq is not available (see toolchain.sh), it prints why, and an earlier build stays.
set -euo pipefail
environment=${1:+$(realpath "$1")}
cd "$(dirname "$0")"
source ./toolchain.sh

give_up() { echo "the Go service is not built: $*; or use containers (--profile references)" >&2; exit 0; }

use_folder
find_go "$environment"
find_pq
"$go" build -ldflags "-s -w -X main.pqVersion=${pq_version%-*}" -o build/service .
