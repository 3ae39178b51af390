SUMMARY = "Compression library"
HOMEPAGE = "https://zlib.net/"
LICENSE = "Zlib"

# Debian's archive is the only place that still has this version; it left the RFC texts out (dfsg).
SRC_URI = "debian://zlib/zlib_${PV}.dfsg.orig.tar.bz2"
SRC_URI[sha256sum] = "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1"

inherit make test

do_configure() {
    ./configure --static --prefix=${prefix} --libdir=${libdir} --includedir=${includedir}
    # It tells the time, so no two runs would come to the same.
    rm configure.log
}

# Not `all`: that makes the example programs as well, and one is enough to try the library.
do_compile() {
    oe_runmake libz.a
    oe_runmake minigzip LDFLAGS="-L. -static"
}

do_install() {
    oe_runmake install DESTDIR="${D}"
    install -D -m 0755 minigzip "${D}${libexecdir}/zlib/minigzip"
}

do_test() {
    seq 1 20000 > numbers
    ${libexecdir}/zlib/minigzip < numbers > numbers.gz
    gunzip -c numbers.gz | cmp - numbers
    ${libexecdir}/zlib/minigzip -d < numbers.gz | cmp - numbers
}
