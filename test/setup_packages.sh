#!/bin/sh
# Installs the Debian packages whose programs the tests drive, where some are missing and this is root on a Debian machine.
# Never fails: a test whose program is missing is skipped with that reason. TEST_PACKAGES=off leaves the machine as it is.
set -u

# program:package
wanted="curl:curl wget:wget git:git python3:python3 openssl:openssl unshare:util-linux setpriv:util-linux
readelf:binutils buildah:buildah ip:iproute2 arping:iputils-arping squid:squid prometheus:prometheus
gcc:gcc"
PATH=$PATH:/usr/sbin:/sbin

missing=""
packages=""
for pair in $wanted; do
  command -v "${pair%%:*}" >/dev/null 2>&1 && continue
  missing="$missing ${pair%%:*}"
  packages="$packages ${pair#*:}"
done
# What the static executable is linked with comes in no program of its own.
if [ "$(gcc -print-file-name=libc.a 2>/dev/null || echo libc.a)" = libc.a ]; then
  missing="$missing libc.a"
  packages="$packages libc6-dev"
fi

if [ -z "$missing" ]; then
  echo "All there"
  exit 0
fi
if [ "${TEST_PACKAGES:-on}" = off ]; then
  echo "Not installed, as TEST_PACKAGES=off says:$missing"
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "Not installed, since that takes root and apt-get:$missing"
  exit 0
fi

echo "Installing:$packages (TEST_PACKAGES=off prevents it)"
log=$(mktemp)
# A run level of 1 keeps a package's daemon from being started: tests start their own.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
if ! { apt-get update -qq && apt-get install -qq -y --no-install-recommends $packages; } </dev/null >"$log" 2>&1; then
  tail -n 5 "$log"
  # One package that is not to be had must not keep the others away.
  for package in $packages; do
    apt-get install -qq -y --no-install-recommends "$package" </dev/null >"$log" 2>&1 ||
      echo "Could not install $package: $(grep '^E:' "$log" | head -n 1)"
  done
fi
rm -f "$log"
exit 0
