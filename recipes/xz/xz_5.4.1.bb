SUMMARY = "LZMA compressor and its library"
HOMEPAGE = "https://tukaani.org/xz/"
LICENSE = "0BSD"

SRC_URI = "debian://xz-utils/xz-utils_${PV}.orig.tar.xz"
SRC_URI[sha256sum] = "5d9827aa1875b21c288f78864bb26d2650b436ea8d2cad364e4921eb6266a5a5"

inherit autotools static test

EXTRA_OECONF = "--disable-nls --disable-doc --disable-scripts"

do_test() {
    seq 1 20000 > numbers
    xz --keep --threads=2 numbers
    xz --test numbers.xz
    xzcat numbers.xz | cmp - numbers
}
