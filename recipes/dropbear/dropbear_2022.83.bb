SUMMARY = "A small SSH server and client; statically linked, zlib out of its sysroot"
HOMEPAGE = "https://matt.ucc.asn.au/dropbear/dropbear.html"
LICENSE = "MIT"
DEPENDS = "zlib"

SRC_URI = "https://matt.ucc.asn.au/dropbear/releases/dropbear-${PV}.tar.bz2"
SRC_URI[sha256sum] = "bc5a121ffbc94b5171ad5ebe01be42746d50aa797c9549a4639894a16749443b"
DEBIAN_SOURCE = "dropbear"

inherit autotools test

EXTRA_OECONF = "--enable-static --disable-lastlog --disable-utmp --disable-utmpx --disable-wtmp \
    --disable-wtmpx --disable-pututline --disable-pututxline --enable-bundled-libtom"
EXTRA_OEMAKE = "PROGRAMS='dropbear dbclient dropbearkey scp' MULTI=1"

do_test() {
    dropbearkey -t ed25519 -f key
    dropbearkey -y -f key | grep '^ssh-ed25519 '
    dbclient -V 2>&1 | grep -F 'v${PV}'
}
