#!/bin/sh
# Runs an arm64 executable, and what it starts, through qemu: in a user namespace of its own the kernel lets this name the
# interpreter of such files, and forgets it with the namespace.
# enter_arm64.sh QEMU EXECUTABLE ARGUMENT…
set -eu
qemu=$1
shift
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf '%s' ":egress-arm64:M::$magic:$mask:$qemu:F" >/proc/sys/fs/binfmt_misc/register
exec "$@"
