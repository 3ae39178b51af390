SUMMARY = "Line editing and history"
HOMEPAGE = "https://tiswww.case.edu/php/chet/readline/rltop.html"
LICENSE = "GPL-3.0-or-later"
DEPENDS = "ncurses"

SRC_URI = "https://ftp.gnu.org/gnu/readline/readline-${PV}.tar.gz"
SRC_URI[sha256sum] = "3feb7171f16a84ee82ca18a36d7b9be109a52c04f492a053331d7d1095007c35"
DEBIAN_SOURCE = "readline"

inherit autotools static test

EXTRA_OECONF = "--with-curses --disable-install-examples"

do_compile() {
    oe_runmake static
    oe_runmake -C examples rl rlversion
}

do_install() {
    oe_runmake install-static DESTDIR="${D}"
    install -D -m 0755 examples/rl "${D}${libexecdir}/readline/rl"
    install -D -m 0755 examples/rlversion "${D}${libexecdir}/readline/rlversion"
}

do_test() {
    test "$(${libexecdir}/readline/rlversion)" = "${PV}"
    echo 'a line' | TERM=vt100 ${libexecdir}/readline/rl | grep -F 'a line'
}
