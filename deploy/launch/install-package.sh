#!/bin/sh
# Installs one of Debian's packages, whose name is the argument, for its program alone. redis-server would start a
# service on port 6379 and enable it at boot; the launcher runs a Redis of its own that ends with it, so no service is
# started or enabled. Run as root; the output is for the case that it fails.
set -eu
package=$1
export DEBIAN_FRONTEND=noninteractive

# invoke-rc.d and systemd's helper ask this program before they start a service; 101 forbids it
# (policy-rc.d(8)). One that is there already belongs to the administrator and stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 143' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

# Another apt may be at work, on a machine that has just started most of all: wait for it up to two minutes. A server
# that is away is given up after seconds, and not asked four times.
apt() {
  apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=0 -o Acquire::http::Timeout=8 -o Acquire::https::Timeout=8 "$@"
}
install() { apt install -y --no-install-recommends "$package"; }

# A new machine has no package lists, an old one stale lists: fetch them when the first attempt fails, unless it failed
# because nobody can be reached.
if first=$(LC_ALL=C install 2>&1); then
  printf '%s\n' "$first"
else
  printf '%s\n' "$first"
  case $first in *'failure resolving'* | *'Could not '* | *'Unable to connect'* | *'timed out'*) exit 100 ;; esac
  export LC_ALL=C
  apt update && install
fi

# An administrator's own policy may have let it start.
[ "$package" = redis-server ] || exit 0
service redis-server stop >/dev/null 2>&1 || true
update-rc.d redis-server disable >/dev/null 2>&1 || true
