SUMMARY = "Very fast compressor and its library"
HOMEPAGE = "https://lz4.org/"
LICENSE = "BSD-2-Clause"

SRC_URI = "https://github.com/lz4/lz4/archive/refs/tags/v${PV}.tar.gz;downloadfilename=${BP}.tar.gz"
SRC_URI[sha256sum] = "0b0e3aa07c8c063ddf40b082bdf7e37a1562bda40a0ff5272957f3e987e0e54b"
DEBIAN_SOURCE = "lz4"

inherit make static test

do_compile() {
    oe_runmake -C lib liblz4.a
    oe_runmake -C programs lz4
}

# Not `make install`: that makes the shared library as well.
do_install() {
    install -D -m 0755 programs/lz4 "${D}${bindir}/lz4"
    install -D -m 0644 lib/liblz4.a "${D}${libdir}/liblz4.a"
    install -D -m 0644 -t "${D}${includedir}" lib/lz4.h lib/lz4hc.h lib/lz4frame.h
}

do_test() {
    seq 1 20000 > numbers
    lz4 -q -9 numbers numbers.lz4
    lz4 -q -d -c numbers.lz4 | cmp - numbers
}
