SUMMARY = "Screens of text on any terminal: library, programs, terminal descriptions"
HOMEPAGE = "https://invisible-island.net/ncurses/"
LICENSE = "MIT"

SRC_URI = "https://ftp.gnu.org/gnu/ncurses/ncurses-${PV}.tar.gz"
SRC_URI[sha256sum] = "6931283d9ac87c5073f30b6290c4c75f21632bb4fc3603ac8100812bed248159"
DEBIAN_SOURCE = "ncurses"

inherit autotools static test

# A few descriptions are compiled in: tmux and less then work where there is no database.
EXTRA_OECONF = "--without-shared --without-debug --without-ada --without-cxx-binding \
    --without-manpages --without-tests --enable-widec --enable-overwrite --enable-pc-files --disable-stripping \
    --with-pkg-config-libdir=${libdir}/pkgconfig --with-default-terminfo-dir=${datadir}/terminfo \
    --with-fallbacks=linux,vt100,xterm"

# The D of ar: no times in the libraries. configure would choose the opposite.
EXTRA_OECONF += "cf_cv_ar_flags=-crvD"

# Both spellings of the library: others ask for either.
do_install() {
    oe_runmake install DESTDIR="${D}"
    for name in ncurses form panel menu; do
        ln -s lib${name}w.a "${D}${libdir}/lib$name.a"
    done
    for name in curses tinfo termcap; do
        ln -s libncursesw.a "${D}${libdir}/lib$name.a"
    done
    rm "${D}${bindir}/ncursesw6-config"
}

do_test() {
    test "$(tput -T xterm cols)" = 80
    infocmp -1 tmux-256color | grep -F 'colors#0x100'
    infocmp tmux-256color > description
    tic -o mine description
    TERMINFO=$PWD/mine infocmp -d tmux-256color tmux-256color
}
