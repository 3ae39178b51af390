SUMMARY = "A pager"
HOMEPAGE = "https://www.greenwoodsoftware.com/less/"
LICENSE = "GPL-3.0-or-later"
DEPENDS = "ncurses"

SRC_URI = "https://www.greenwoodsoftware.com/less/less-${PV}.tar.gz"
SRC_URI[sha256sum] = "6aadf54be8bf57d0e2999a3c5d67b1de63808bb90deb8f77b028eafae3a08e10"
DEBIAN_SOURCE = "less"

inherit autotools static test

do_test() {
    ${bindir}/less --version | head -n 1 | grep -F 'less ${PV}'
    seq 1 100 > numbers
    ${bindir}/less numbers | cmp - numbers
}
