SUMMARY = "The compressor of GNU"
HOMEPAGE = "https://www.gnu.org/software/gzip/"
LICENSE = "GPL-3.0-or-later"

SRC_URI = "https://ftp.gnu.org/gnu/gzip/gzip-${PV}.tar.xz"
SRC_URI[sha256sum] = "ce5e03e519f637e1f814011ace35c4f87b33c0bbabeec35baf5fbd3479e91956"
DEBIAN_SOURCE = "gzip"

inherit autotools static test

do_test() {
    seq 1 20000 > numbers
    ${bindir}/gzip --keep -9 numbers
    ${bindir}/gzip --test numbers.gz
    ${bindir}/gzip -dc numbers.gz | cmp - numbers
}
