SUMMARY = "What the recipes here are built with, of this host's Debian packages, as a layer"
LICENSE = "various"

inherit host-packages

HOST_PACKAGES = "autoconf automake autopoint bzip2 file g++ gcc libc6-dev libtool m4 make mawk patch perl \
    pkgconf xz-utils"

addtask test after do_install
do_test[root] = "outputs"
do_test[dirs] = "${WORKDIR}"
do_test() {
    printf '#include <stdio.h>\nint main(void) { puts("compiled"); return 0; }\n' > a.c
    printf 'all: a\n\t./a\n' > Makefile
    make -s LDFLAGS= CFLAGS=-O1 CPPFLAGS= | grep -x compiled
    perl -MPOSIX -e 'print "perl\n"' | grep -x perl
    rm a a.c Makefile
}
