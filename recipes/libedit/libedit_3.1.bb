SUMMARY = "Line editing and history under the BSD licence"
HOMEPAGE = "https://thrysoee.dk/editline/"
LICENSE = "BSD-3-Clause"
DEPENDS = "ncurses"

SRC_URI = "https://thrysoee.dk/editline/libedit-20221030-${PV}.tar.gz"
SRC_URI[sha256sum] = "f0925a5adf4b1bf116ee19766b7daa766917aec198747943b1c4edf67a4be2bb"
DEBIAN_SOURCE = "libedit"

inherit autotools static test

do_install() {
    oe_runmake install DESTDIR="${D}"
    install -D -m 0755 examples/fileman "${D}${libexecdir}/libedit/fileman"
}

do_test() {
    echo hello > greeting
    printf 'list\nquit\n' | TERM=vt100 ${libexecdir}/libedit/fileman | grep -F greeting
}
