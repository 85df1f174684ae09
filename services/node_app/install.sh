#!/usr/bin/env bash
# Install the service's packages into node_modules, Node itself among them, as package-lock.json pins them by their
# hashes. It needs an npm, of any Node; no script of any package is run. Where that can't be had it says so.
set -euo pipefail
cd "$(dirname "$0")"

give_up() { echo "the Node service is not installed: $*; or use containers (--profile references)" >&2; exit 0; }

# Nothing is downloaded, or even looked for, twice.
[ -x node_modules/.bin/node ] && [ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
command -v npm >/dev/null || give_up 'it needs npm, which comes with any Node'
# The npm may run on an older Node than the packages ask for; they run on their own.
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null || give_up 'npm could not install its packages'
[ -x node_modules/.bin/node ] || give_up "no Node is packaged for $(uname -sm)"
