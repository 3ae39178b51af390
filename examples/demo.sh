#!/bin/sh
# `make demo`: build real software, then run it where there is nothing else.
set -eu

cd "$(dirname "$0")/.."
place=${MOONSAND_DIR:-build/demo}

echo "building zlib, lua, busybox and squashfs-tools below $place"
bin/moonsand build --state "$place" zlib lua busybox squashfs-tools
echo
echo 'running them in a sandbox whose root is nothing but what was built'
bin/moonsand examples/image.lua "$place"
