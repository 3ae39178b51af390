SUMMARY = "The make of GNU"
HOMEPAGE = "https://www.gnu.org/software/make/"
LICENSE = "GPL-3.0-or-later"

# Debian's archive left the manual out.
SRC_URI = "debian://make-dfsg/make-dfsg_${PV}.orig.tar.gz"
SRC_URI[sha256sum] = "be4c17542578824e745f83bcd2a9ba264206187247cb6a5f5df99b0a9d1f9047"

inherit autotools static test

EXTRA_OECONF = "--disable-nls --without-guile"

# The manual is not there: the list of files to make has the Makefile of the top twice, and a page too many.
do_configure:prepend() {
    sed -i 's,po/Makefile.in Makefile ,po/Makefile.in ,' "${S}/configure.ac"
    sed -i '/^man_MANS/d' "${S}/Makefile.am"
}

do_test() {
    printf 'all: b\n%%: ; @echo $@ > $@\nb: a\n' > Makefile
    make -j 2
    test "$(cat a b | tr -d '\n')" = ab
    make -q
}
