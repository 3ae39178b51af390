# Software with a configure script from autoconf, built outside of its source.
CONFIGUREOPTS = "--prefix=${prefix} --exec-prefix=${exec_prefix} --bindir=${bindir} \
    --sbindir=${sbindir} --libdir=${libdir} --libexecdir=${libexecdir} \
    --includedir=${includedir} --datarootdir=${datadir} --mandir=${mandir} \
    --sysconfdir=${sysconfdir} --localstatedir=${localstatedir}"
EXTRA_OECONF ?= ""

do_configure() {
    if [ ! -x "${S}/configure" ]; then
        echo "error: ${S} has no configure script; set do_configure in the recipe" >&2
        exit 1
    fi
    "${S}/configure" ${CONFIGUREOPTS} ${EXTRA_OECONF}
}
