SUMMARY = "XML parser"
HOMEPAGE = "https://libexpat.github.io/"
LICENSE = "MIT"

# Debian has the archive of the repository, not that of the release.
SRC_URI = "debian://expat/expat_${PV}.orig.tar.gz"
SRC_URI[sha256sum] = "ab00ee05c7067fd10a35c5d2a4922ebba746ddd50ff83b79c828da17bbdf1757"

inherit autotools static test
AUTOTOOLS_SCRIPT_PATH = "${S}/expat"

EXTRA_OECONF = "--without-docbook --without-examples --without-tests"

do_test() {
    echo '<a><b c="d"/></a>' > good.xml
    echo '<a><b></a>' > bad.xml
    test -z "$(xmlwf good.xml)"
    xmlwf bad.xml | grep -F 'bad.xml:1:8: mismatched tag'
}
