SUMMARY = "Block-sorting compressor and its library"
HOMEPAGE = "https://sourceware.org/bzip2/"
LICENSE = "bzip2-1.0.6"

SRC_URI = "https://sourceware.org/pub/bzip2/bzip2-${PV}.tar.gz"
SRC_URI[sha256sum] = "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269"
DEBIAN_SOURCE = "bzip2"

inherit make static test

EXTRA_OEMAKE = "CC='${CC}' CFLAGS='${CFLAGS} -D_FILE_OFFSET_BITS=64'"

do_compile() {
    oe_runmake libbz2.a bzip2 bzip2recover
}

# Not `make install`: its links name the directory that it installs to.
do_install() {
    install -d "${D}${bindir}" "${D}${includedir}" "${D}${libdir}"
    install -m 0755 bzip2 bzip2recover "${D}${bindir}"
    ln -s bzip2 "${D}${bindir}/bunzip2"
    ln -s bzip2 "${D}${bindir}/bzcat"
    install -m 0644 bzlib.h "${D}${includedir}"
    install -m 0644 libbz2.a "${D}${libdir}"
}

do_test() {
    seq 1 20000 > numbers
    bzip2 --keep numbers
    test "$(wc -c < numbers.bz2)" -lt "$(wc -c < numbers)"
    bzcat numbers.bz2 | cmp - numbers
}
