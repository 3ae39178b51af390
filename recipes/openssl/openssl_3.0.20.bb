SUMMARY = "TLS and cryptography"
HOMEPAGE = "https://www.openssl.org/"
LICENSE = "Apache-2.0"

SRC_URI = "https://www.openssl.org/source/openssl-${PV}.tar.gz"
SRC_URI[sha256sum] = "c80a01dfc70ece4dc21168932c37739042d404d46ccc81a5986dd75314ecda6f"
DEBIAN_SOURCE = "openssl"

inherit static test

do_configure() {
    "${S}/Configure" linux-x86_64 no-shared no-tests no-module no-legacy -static \
        --prefix=${prefix} --libdir=lib --openssldir=${sysconfdir}/ssl
}

do_install() {
    oe_runmake install_sw install_ssldirs DESTDIR="${D}"
}

do_test() {
    printf abc | openssl dgst -sha256 | \
        grep ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
    openssl genpkey -algorithm ed25519 -out key.pem
    openssl pkey -in key.pem -pubout -out public.pem
    echo message > message
    openssl pkeyutl -sign -inkey key.pem -rawin -in message -out signature
    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in message -sigfile signature
}
