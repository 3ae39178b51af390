# Tools that run while other recipes are built: they are seen at ${STAGING_DIR_NATIVE}, so that is
# their prefix, and their sysroot holds the programs as well.
prefix = "${STAGING_DIR_NATIVE}/usr"
base_bindir = "${STAGING_DIR_NATIVE}/bin"
base_sbindir = "${STAGING_DIR_NATIVE}/sbin"
base_libdir = "${STAGING_DIR_NATIVE}/lib"
sysconfdir = "${STAGING_DIR_NATIVE}/etc"
localstatedir = "${STAGING_DIR_NATIVE}/var"

STAGING_INCDIR = "${includedir}"
STAGING_LIBDIR = "${libdir}"
PKG_CONFIG_SYSROOT_DIR = ""
PKG_CONFIG_LIBDIR = "${libdir}/pkgconfig:${datadir}/pkgconfig"

SYSROOT_KIND = "native"
SYSROOT_SOURCE = "${D}${STAGING_DIR_NATIVE}"
SYSROOT_DIRS = "/usr /bin /sbin /lib /etc"
SYSROOT_DIRS_IGNORE = "/usr/share/man /usr/share/doc /usr/share/info"

# Built when something needs it, not because somebody builds all there is.
EXCLUDE_FROM_WORLD = "1"
