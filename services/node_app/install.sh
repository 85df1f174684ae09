#!/usr/bin/env bash
# Install the service's packages into node_modules, Node itself among them, as package-lock.json pins them by hash.
# It needs npm, from any Node, and runs no script of any package. If npm is not available, it prints why.
set -euo pipefail
cd "$(dirname "$0")"

give_up() { echo "the Node service is not installed: $*; or use containers (--profile references)" >&2; exit 0; }

# Download nothing, and look for nothing, twice.
[ -x node_modules/.bin/node ] && [ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
command -v npm >/dev/null || give_up 'it needs npm, which comes with any Node'
# npm may run on an older Node than the packages require. They run on their own.
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null || give_up 'npm could not install its packages'
[ -x node_modules/.bin/node ] || give_up "no Node is packaged for $(uname -sm)"
