# Software with a configure script from autoconf, built outside of its source.
CONFIGUREOPTS = "--prefix=${prefix} --exec-prefix=${exec_prefix} --bindir=${bindir} \
    --sbindir=${sbindir} --libdir=${libdir} --libexecdir=${libexecdir} \
    --includedir=${includedir} --datarootdir=${datadir} --mandir=${mandir} \
    --sysconfdir=${sysconfdir} --localstatedir=${localstatedir}"
EXTRA_OECONF ?= ""

# Where configure is, when not at the top.
AUTOTOOLS_SCRIPT_PATH ?= "${S}"

do_configure() {
    if [ ! -x "${AUTOTOOLS_SCRIPT_PATH}/configure" ]; then
        make_configure
    fi
    "${AUTOTOOLS_SCRIPT_PATH}/configure" ${CONFIGUREOPTS} ${EXTRA_OECONF}
    remove_config_logs
}

# They tell the time and the names of temporary files, so no two runs would come to the same. When
# configure fails they are there, in the sandbox as it stopped.
remove_config_logs() {
    find "${B}" -name config.log -exec rm -f {} +
}

# The archive of a repository has no script yet.
make_configure() {
    if [ ! -e "${AUTOTOOLS_SCRIPT_PATH}/configure.ac" ]; then
        echo "error: ${AUTOTOOLS_SCRIPT_PATH} has no configure script; set do_configure in the recipe" >&2
        exit 1
    fi
    if ! command -v autoreconf > /dev/null; then
        echo "error: ${AUTOTOOLS_SCRIPT_PATH} has configure.ac only; install autoconf, automake and libtool" >&2
        exit 1
    fi
    (cd "${AUTOTOOLS_SCRIPT_PATH}" && autoreconf --force --install)
}
