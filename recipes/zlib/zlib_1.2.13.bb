SUMMARY = "Compression library"
HOMEPAGE = "https://zlib.net/"
LICENSE = "Zlib"

# Debian's archive is the only place that still has this version; it left the RFC texts out (dfsg).
SRC_URI = "debian://zlib/zlib_${PV}.dfsg.orig.tar.bz2"
SRC_URI[sha256sum] = "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1"

inherit make

do_configure() {
    ./configure --static --prefix=${prefix} --libdir=${libdir} --includedir=${includedir}
}

# Not `all`: that makes the example programs as well.
do_compile() {
    oe_runmake libz.a
}
