SUMMARY = "Some sixty small programs in one; statically linked"
HOMEPAGE = "https://busybox.net/"
LICENSE = "GPL-2.0-only"

SRC_URI = "https://busybox.net/downloads/busybox-${PV}.tar.bz2 \
    file://small.config"
SRC_URI[sha256sum] = "faeeb244c35a348a334f4a59e44626ee870fb07b6884d68c10ae8bc19f83a694"
DEBIAN_SOURCE = "busybox"

inherit make test

# busybox takes CC and the flags from the command line only.
EXTRA_OEMAKE = "CC='${CC}' HOSTCC='${BUILD_CC}' SKIP_STRIP=n"
CFLAGS = "-pipe"
LDFLAGS = ""
export KCONFIG_NOTIMESTAMP = "1"

# Nothing is on but what small.config asks for, and all that it asks for must be.
do_configure() {
    oe_runmake allnoconfig
    sed -e 's/=.*//' "${WORKDIR}/small.config" > "${WORKDIR}/asked"
    grep -v -w -F -f "${WORKDIR}/asked" .config > .config.rest
    cat .config.rest "${WORKDIR}/small.config" > .config
    yes "" | oe_runmake oldconfig
    if grep -v -x -F -f .config "${WORKDIR}/small.config"; then
        echo "error: these options of small.config were not accepted" >&2
        exit 1
    fi
}

do_compile() {
    oe_runmake busybox
}

do_install() {
    oe_runmake install CONFIG_PREFIX="${D}"
}

do_test() {
    seq 1 100 | sort -rn | head -n 1 | grep -x 100
    echo text > file
    tar -cz -f archive.tar.gz file
    tar -xz -O -f archive.tar.gz | cmp - file
    test "$(echo a:b | awk -F: '{ print $2 }')" = b
}
