#!/bin/sh
# Installs Debian's redis-server for its binary alone. The package would start a service on port 6379 and
# enable it at boot; the launcher runs a Redis of its own that ends with it, so the service is neither started
# nor enabled. Run as root; the output is for the case that it fails.
set -eu
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

# Another apt may be at work, on a machine that has just started most of all: wait for it up to two minutes.
install() {
  apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends redis-server
}

# A new machine has no package lists, an old one stale lists: fetch them when the first attempt fails.
install || { apt-get -o DPkg::Lock::Timeout=120 update && install; }

# An administrator's own policy may have let it start.
service redis-server stop >/dev/null 2>&1 || true
update-rc.d redis-server disable >/dev/null 2>&1 || true
