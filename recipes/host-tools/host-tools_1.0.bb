SUMMARY = "What the recipes here are built with, of this host's Debian packages, as a layer"
LICENSE = "various"

inherit host-packages

HOST_PACKAGES = "autoconf automake autopoint bzip2 file g++ gcc libc6-dev libtool m4 make mawk patch perl \
    pkgconf xz-utils"
