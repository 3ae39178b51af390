SUMMARY = "Make and unpack squashfs images; linked against zlib out of its sysroot"
HOMEPAGE = "https://github.com/plougher/squashfs-tools"
LICENSE = "GPL-2.0-or-later"
DEPENDS = "zlib"

SRC_URI = "https://github.com/plougher/squashfs-tools/archive/refs/tags/${PV}.tar.gz;downloadfilename=${BP}.tar.gz"
SRC_URI[sha256sum] = "277b6e7f75a4a57f72191295ae62766a10d627a4f5e5f19eadfbc861378deea7"
DEBIAN_SOURCE = "squashfs-tools"

inherit make test
B = "${S}/squashfs-tools"

EXTRA_OEMAKE = "XATTR_SUPPORT=0 EXTRA_LDFLAGS='${LDFLAGS} -static -Wl,-Map=link.map'"

# The linker's map proves which libz went in: a host that has one of its own must not matter.
do_compile() {
    oe_runmake mksquashfs unsquashfs
    grep -F "${STAGING_LIBDIR}/libz.a(deflate.o)" link.map
}

do_install() {
    install -d "${D}${bindir}"
    install -m 0755 mksquashfs unsquashfs "${D}${bindir}"
    ln -s mksquashfs "${D}${bindir}/sqfstar"
    ln -s unsquashfs "${D}${bindir}/sqfscat"
}

do_test() {
    mkdir tree
    seq 1 20000 > tree/numbers
    mksquashfs tree image -no-progress -quiet
    unsquashfs -no-progress -quiet -dest again image
    cmp tree/numbers again/numbers
}
