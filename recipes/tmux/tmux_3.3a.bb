SUMMARY = "Many terminals in one"
HOMEPAGE = "https://tmux.github.io/"
LICENSE = "ISC"
DEPENDS = "libevent ncurses"

SRC_URI = "https://github.com/tmux/tmux/releases/download/${PV}/tmux-${PV}.tar.gz"
SRC_URI[sha256sum] = "e4fd347843bd0772c4f48d6dde625b0b109b7a380ff15db21e97c11a4dcdf93f"
DEBIAN_SOURCE = "tmux"

inherit autotools static test

EXTRA_OECONF = "--enable-static --disable-systemd"

# The C library that is linked in reads the one locale that tmux insists on from its place.
do_install:append() {
    install -D -m 0644 ${libdir}/locale/C.utf8/LC_CTYPE "${D}${libdir}/locale/C.utf8/LC_CTYPE"
}

# A server, and clients that ask it; no window, for the sandbox has no terminals.
do_test() {
    test "$(tmux -V)" = "tmux ${PV}"
    tmux -S "$PWD/socket" -f /dev/null start-server \; set -g status-left 'to the left' \; \
        show-options -gv status-left | grep -x 'to the left'
}
