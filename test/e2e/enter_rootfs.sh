#!/bin/sh
# Runs the executable of a root file system as a container would: its files read-only, with /proc, /dev of four devices,
# /etc/hosts and /etc/resolv.conf and nothing else, as process 1: as uid 65532 without capabilities, or with --router as an
# egress router's init container, which is root with NET_ADMIN and NET_RAW.
# Called by tests in mount and process namespaces of their own, which take all of this with them when they end.
# With --volume the folder FROM is at the path TO of its root, read-only, as a ConfigMap is.
# enter_rootfs.sh [--router] [--volume FROM TO] ROOTFS SCRATCH ARGUMENT…
set -eu
user=65532:65532
kept=+sys_chroot,+setuid,+setgid
if [ "$1" = --router ]; then
  user=0:0
  kept=+sys_chroot,+setgid,+net_admin,+net_raw
  shift
fi
volume=
if [ "$1" = --volume ]; then
  volume=$2
  path=$3
  shift 3
fi
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
if [ -n "$volume" ]; then
  mkdir -p "$scratch$path"
  mount --bind "$volume" "$scratch$path"
  mount -o remount,bind,ro,nosuid,nodev,noexec "$scratch$path"
fi
mount -o remount,ro "$scratch"

# chroot itself needs some capabilities; they are gone with a change of user, and no_new_privs keeps them away.
exec setpriv --no-new-privs --inh-caps=-all --bounding-set="-all,$kept" \
  chroot --userspec="$user" --groups= "$scratch" /egress-http-proxy "$@"
