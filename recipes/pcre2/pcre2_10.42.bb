SUMMARY = "Regular expressions as Perl has them"
HOMEPAGE = "https://www.pcre.org/"
LICENSE = "BSD-3-Clause"
DEPENDS = "zlib bzip2"

SRC_URI = "https://github.com/PCRE2Project/pcre2/releases/download/pcre2-${PV}/pcre2-${PV}.tar.gz"
SRC_URI[sha256sum] = "c33b418e3b936ee3153de2c61cc638e7e4fe3156022a5c77d0711bcbb9d64f1f"
DEBIAN_SOURCE = "pcre2"

inherit autotools static test

EXTRA_OECONF = "--enable-jit --enable-pcre2grep-libz --enable-pcre2grep-libbz2"

do_install() {
    oe_runmake install DESTDIR="${D}"
    rm "${D}${bindir}/pcre2-config"
}

do_test() {
    printf 'aaa\nabc\nbbb\n' > words
    test "$(pcre2grep '(.)\1\1(?<!a)' words)" = bbb
    gzip words
    test "$(pcre2grep -c . words.gz)" = 3
}
