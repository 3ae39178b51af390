SUMMARY = "Transfer of files by URL: program and library"
HOMEPAGE = "https://curl.se/"
LICENSE = "curl"
DEPENDS = "openssl zlib zstd"

SRC_URI = "https://curl.se/download/curl-${PV}.tar.gz"
SRC_URI[sha256sum] = "cdb38b72e36bc5d33d5b8810f8018ece1baa29a8f215b4495e495ded82bbf3c7"
DEBIAN_SOURCE = "curl"

inherit autotools static test

EXTRA_OECONF = "--with-openssl=${STAGING_DIR_HOST}${prefix} --with-zlib=${STAGING_DIR_HOST}${prefix} \
    --with-zstd=${STAGING_DIR_HOST}${prefix} --without-brotli --without-libpsl --without-libidn2 \
    --without-nghttp2 --without-librtmp --without-ca-bundle --without-ca-path --disable-ldap \
    --disable-manual"

do_test() {
    curl --version | grep -F 'OpenSSL/3.0'
    curl --version | grep -w zstd
    echo 'a file' > file
    curl --silent --show-error "file://$PWD/file" | cmp - file
}
