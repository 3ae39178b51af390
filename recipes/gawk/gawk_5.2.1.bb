SUMMARY = "The awk of GNU"
HOMEPAGE = "https://www.gnu.org/software/gawk/"
LICENSE = "GPL-3.0-or-later"
DEPENDS = "readline ncurses"

# Debian's archive left the manual out.
SRC_URI = "debian://gawk/gawk_${PV}.orig.tar.xz"
SRC_URI[sha256sum] = "2337a0283b180ec1b9c727973a34781c6478b3ae9bcbdcca0a4dc49861d75a65"

inherit autotools static test

EXTRA_OECONF = "--disable-nls --disable-mpfr --disable-extensions --disable-pma \
    --with-readline=${STAGING_DIR_HOST}${prefix}"

# Not doc: what it is made from is not there.
EXTRA_OEMAKE = "SUBDIRS='support .'"

do_test() {
    test "$(seq 1 100 | ${bindir}/gawk '{ sum += $1 } END { print sum }')" = 5050
    test "$(${bindir}/gawk 'BEGIN { print gensub(/(a)(b)/, "\\2\\1", "g", "abab") }')" = baba
}
