SUMMARY = "An SQL database in a file: library and shell"
HOMEPAGE = "https://www.sqlite.org/"
LICENSE = "blessing"
DEPENDS = "readline zlib"

# Debian has the source as it is in the repository, not the amalgamation.
SRC_URI = "debian://sqlite3/sqlite3_${PV}.orig.tar.xz"
SRC_URI[sha256sum] = "aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655"

inherit autotools static test

EXTRA_OECONF = "--disable-tcl --disable-load-extension \
    --with-readline-inc=-I${STAGING_INCDIR}/readline \
    --with-readline-lib='-lreadline -lncursesw'"

do_test() {
    sqlite3 numbers.db 'create table t(n); with recursive c(i) as (select 1 union all
        select i + 1 from c where i < 100) insert into t select i from c;'
    test "$(sqlite3 numbers.db 'select sum(n) from t')" = 5050
    test "$(sqlite3 numbers.db 'pragma integrity_check')" = ok
}
