#!/bin/sh
# Runs one executable where there is nothing else: a root of its own that can't be written to, as uid 65532 without
# capabilities. What is there beside it is named in the first argument: proc, dev, etc, any of them, or "none".
# Called by tests in mount namespaces of their own, which take all of this with them when they end.
# enter_empty_root.sh "proc dev etc" EXECUTABLE SCRATCH ARGUMENT…
set -eu
present=$1
executable=$2
scratch=$3
shift 3

mount -t tmpfs -o mode=755,nodev,nosuid tmpfs "$scratch"
: >"$scratch/egress-http-proxy"
mount --bind "$executable" "$scratch/egress-http-proxy"
mount -o remount,bind,ro,nosuid,nodev "$scratch/egress-http-proxy"
for name in $present; do
  case $name in
    proc)
      mkdir "$scratch/proc"
      mount -t proc -o nosuid,nodev,noexec proc "$scratch/proc"
      ;;
    dev)
      mkdir "$scratch/dev"
      for device in null zero random urandom; do
        : >"$scratch/dev/$device"
        mount --bind "/dev/$device" "$scratch/dev/$device"
      done
      ;;
    etc)
      mkdir "$scratch/etc"
      printf '127.0.0.1 localhost hosts.self-test.example\n' >"$scratch/etc/hosts"
      printf 'nameserver 127.0.0.1\n' >"$scratch/etc/resolv.conf"
      # A service that is a library of the host's: it must not be looked for.
      printf 'hosts: mdns4_minimal [NOTFOUND=return] files\npasswd: sss\n' >"$scratch/etc/nsswitch.conf"
      ;;
  esac
done
mount -o remount,ro "$scratch"

# chroot itself needs some capabilities; they are gone with the change of user, and no_new_privs keeps them away.
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  chroot --userspec=65532:65532 --groups= "$scratch" /egress-http-proxy "$@"
