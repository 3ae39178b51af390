SUMMARY = "Regular expressions in many encodings"
HOMEPAGE = "https://github.com/kkos/oniguruma"
LICENSE = "BSD-2-Clause"

SRC_URI = "https://github.com/kkos/oniguruma/archive/refs/tags/v${PV}.tar.gz;downloadfilename=${BP}.tar.gz"
SRC_URI[sha256sum] = "26372720bab6733c869a9eb69377f73971138dc5e3eff4a81f5ba8aea5435fb2"
DEBIAN_SOURCE = "libonig"

inherit autotools static test

do_compile() {
    oe_runmake
    oe_runmake -C sample simple
}

do_install() {
    oe_runmake install DESTDIR="${D}"
    rm "${D}${bindir}/onig-config"
    install -D -m 0755 sample/simple "${D}${libexecdir}/oniguruma/simple"
}

do_test() {
    ${libexecdir}/oniguruma/simple 2>&1 | grep -F 'match at'
}
