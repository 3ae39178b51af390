SUMMARY = "The shell of GNU"
HOMEPAGE = "https://www.gnu.org/software/bash/"
LICENSE = "GPL-3.0-or-later"
DEPENDS = "readline ncurses"

# Debian's archive has upstream's fifteen patches in it.
SRC_URI = "debian://bash/bash_${PV}.orig.tar.gz"
SRC_URI[sha256sum] = "7a315bc0e9d90713159e4390ec1096a41e4f33cd8cc3d1a749a8e5ad56600f51"

inherit autotools static test

EXTRA_OECONF = "--disable-nls --with-installed-readline=${STAGING_DIR_HOST}${prefix} --with-curses \
    --without-bash-malloc --disable-rpath"

# A program without shared libraries loads no builtins. To make them fails half-way, which `make
# install` takes for granted; what is left behind then depends on the number of jobs.
do_install() {
    oe_runmake install DESTDIR="${D}" LOADABLES_DIR=/nonexistent
}

do_test() {
    bash -c 'list=(a b c); test "${#list[@]}" = 3 && test "${list[-1]}" = c'
    bash -c 'declare -A of=([one]=1 [two]=2); test "$((of[one] + of[two]))" = 3'
    test "$(bash -c 'printf %s {1..5}')" = 12345
}
