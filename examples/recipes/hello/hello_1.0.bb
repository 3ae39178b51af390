SUMMARY = "The smallest recipe: one source beside it, one program, statically linked"
LICENSE = "MIT"

SRC_URI = "file://hello.c"

GREETING ?= "hello, moon"

do_compile() {
    ${CC} ${CFLAGS} -static -DGREETING='"${GREETING}"' -o hello ${WORKDIR}/hello.c
}

do_install() {
    install -D -m 0755 hello ${D}${bindir}/hello
}
