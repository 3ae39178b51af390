SUMMARY = "Applies differences"
HOMEPAGE = "https://savannah.gnu.org/projects/patch/"
LICENSE = "GPL-3.0-or-later"

SRC_URI = "https://ftp.gnu.org/gnu/patch/patch-${PV}.tar.xz"
SRC_URI[sha256sum] = "ac610bda97abe0d9f6b7c963255a11dcb196c25e337c61f94e4778d632f1d8fd"
DEBIAN_SOURCE = "patch"

inherit autotools static test

EXTRA_OECONF = "--disable-xattr"

do_test() {
    seq 1 9 > old
    sed 's/5/five/' old > new
    diff -u old new > change || test $? = 1
    patch old change
    cmp old new
}
