SUMMARY = "Lines that match"
HOMEPAGE = "https://www.gnu.org/software/grep/"
LICENSE = "GPL-3.0-or-later"
DEPENDS = "pcre2"

SRC_URI = "https://ftp.gnu.org/gnu/grep/grep-${PV}.tar.xz"
SRC_URI[sha256sum] = "498d7cc1b4fb081904d87343febb73475cf771e424fb7e6141aff66013abc382"
DEBIAN_SOURCE = "grep"

inherit autotools static test

EXTRA_OECONF = "--disable-nls --enable-perl-regexp"

do_test() {
    printf 'aaa\nabc\nbbb\n' > words
    test "$(${bindir}/grep -P '^(.)\1+$' words | tail -n 1)" = bbb
    test "$(${bindir}/grep -c b words)" = 2
}
