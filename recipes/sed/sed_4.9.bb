SUMMARY = "Stream editor"
HOMEPAGE = "https://www.gnu.org/software/sed/"
LICENSE = "GPL-3.0-or-later"

SRC_URI = "https://ftp.gnu.org/gnu/sed/sed-${PV}.tar.xz"
SRC_URI[sha256sum] = "6e226b732e1cd739464ad6862bd1a1aba42d7982922da7a53519631d24975181"
DEBIAN_SOURCE = "sed"

inherit autotools static test

EXTRA_OECONF = "--disable-nls --disable-acl --without-selinux"

do_test() {
    test "$(echo one two | ${bindir}/sed -E 's/(\w+) (\w+)/\2 \1/')" = "two one"
    test "$(seq 1 9 | ${bindir}/sed -n '0~3p' | tr -d '\n')" = 369
}
