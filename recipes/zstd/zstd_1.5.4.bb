SUMMARY = "Fast compressor and its library"
HOMEPAGE = "https://facebook.github.io/zstd/"
LICENSE = "BSD-3-Clause"

# Debian's archive left one file of the documentation out (dfsg).
SRC_URI = "debian://libzstd/libzstd_${PV}+dfsg2.orig.tar.xz"
SRC_URI[sha256sum] = "8cf4bbb65e77ec348d052c8d6230eba66d435bddf64c8b5be2fcb16880c19953"

inherit make static test

EXTRA_OEMAKE = "prefix=${prefix} HAVE_ZLIB=0 HAVE_LZMA=0 HAVE_LZ4=0"

do_compile() {
    oe_runmake -C lib libzstd.a
    oe_runmake -C programs zstd
}

do_install() {
    oe_runmake -C lib install-static install-includes install-pc DESTDIR="${D}"
    install -D -m 0755 programs/zstd "${D}${bindir}/zstd"
    ln -s zstd "${D}${bindir}/zstdcat"
}

do_test() {
    seq 1 20000 > numbers
    zstd -q -19 --keep numbers
    zstdcat numbers.zst | cmp - numbers
}
