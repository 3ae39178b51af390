SUMMARY = "Differences of files"
HOMEPAGE = "https://www.gnu.org/software/diffutils/"
LICENSE = "GPL-3.0-or-later"

SRC_URI = "https://ftp.gnu.org/gnu/diffutils/diffutils-${PV}.tar.xz"
SRC_URI[sha256sum] = "a6bdd7d1b31266d11c4f4de6c1b748d4607ab0231af5188fc2533d0ae2438fec"
DEBIAN_SOURCE = "diffutils"

inherit autotools static test

EXTRA_OECONF = "--disable-nls"

do_test() {
    seq 1 9 > old
    sed 's/5/five/' old > new
    ${bindir}/diff -u old new > change || test $? = 1
    grep -x -F -e -5 change
    grep -x -F -e +five change
    ${bindir}/cmp old old
}
