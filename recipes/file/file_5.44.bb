SUMMARY = "What kind of file is this?"
HOMEPAGE = "https://www.darwinsys.com/file/"
LICENSE = "BSD-2-Clause"
DEPENDS = "zlib bzip2 xz"

SRC_URI = "https://astron.com/pub/file/file-${PV}.tar.gz"
SRC_URI[sha256sum] = "3751c7fba8dbc831cb8d7cc8aff21035459b8ce5155ef8b0880a27d028475f3b"
DEBIAN_SOURCE = "file"

inherit autotools static test

EXTRA_OECONF = "--disable-libseccomp --enable-zlib --enable-bzlib --enable-xzlib --disable-zstdlib"

do_test() {
    echo text > text
    test "$(file --brief text)" = "ASCII text"
    gzip text
    file --brief --uncompress text.gz | grep -F 'ASCII text (gzip'
    file --brief ${bindir}/file | grep -F 'statically linked'
}
