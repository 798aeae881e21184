#!/bin/sh
# Runs the executable of a root file system as a container would: its files read-only, with /proc, /dev of four devices,
# /etc/hosts and /etc/resolv.conf and nothing else, as uid 65532 without capabilities, as process 1.
# Called by rootfs.test.ts in mount and process namespaces of its own, which take all of this with them when they end.
# enter_rootfs.sh ROOTFS SCRATCH ARGUMENT…
set -eu
rootfs=$1
scratch=$2
shift 2

mount -t tmpfs -o mode=755,nodev,nosuid tmpfs "$scratch"
for entry in "$rootfs"/*; do
  target=$scratch/${entry##*/}
  if [ -d "$entry" ]; then mkdir "$target"; else : >"$target"; fi
  mount --bind "$entry" "$target"
  mount -o remount,bind,ro,nosuid,nodev "$target"
done
mkdir "$scratch/proc" "$scratch/dev" "$scratch/etc"
mount -t proc -o nosuid,nodev,noexec proc "$scratch/proc"
for device in null zero random urandom; do
  : >"$scratch/dev/$device"
  mount --bind "/dev/$device" "$scratch/dev/$device"
done
printf '127.0.0.1 localhost hosts.allowed.test\n' >"$scratch/etc/hosts"
printf 'nameserver 127.0.0.1\n' >"$scratch/etc/resolv.conf"
mount -o remount,ro "$scratch"

# chroot itself needs three capabilities; they are gone with the change of user, and no_new_privs keeps them away.
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  chroot --userspec=65532:65532 --groups= "$scratch" /egress-http-proxy "$@"
