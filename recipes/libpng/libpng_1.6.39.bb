SUMMARY = "PNG pictures"
HOMEPAGE = "http://www.libpng.org/pub/png/libpng.html"
LICENSE = "Libpng-2.0"
DEPENDS = "zlib"

SRC_URI = "https://github.com/pnggroup/libpng/archive/refs/tags/v${PV}.tar.gz;downloadfilename=${BP}.tar.gz"
SRC_URI[sha256sum] = "a00e9d2f2f664186e4202db9299397f851aea71b36a35e74910b8820e380d441"
DEBIAN_SOURCE = "libpng1.6"

inherit autotools static test

do_compile() {
    oe_runmake
    oe_runmake pngtest
}

do_install() {
    oe_runmake install DESTDIR="${D}"
    rm "${D}${bindir}/libpng16-config" "${D}${bindir}/libpng-config"
    install -D -m 0755 pngtest "${D}${libexecdir}/libpng/pngtest"
    install -m 0644 "${S}/pngtest.png" "${D}${libexecdir}/libpng"
}

# Reads a picture, writes it, and compares.
do_test() {
    ${libexecdir}/libpng/pngtest ${libexecdir}/libpng/pngtest.png out.png
    cmp ${libexecdir}/libpng/pngtest.png out.png
}
