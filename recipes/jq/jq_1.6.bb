SUMMARY = "A filter for JSON"
HOMEPAGE = "https://jqlang.github.io/jq/"
LICENSE = "MIT"
DEPENDS = "oniguruma"

SRC_URI = "debian://jq/jq_${PV}.orig.tar.gz"
SRC_URI[sha256sum] = "3ba940b97571c866923f0409678033d33b5a98758dfc174fad8397ed908bc4d9"

inherit autotools static test

EXTRA_OECONF = "--disable-docs --disable-maintainer-mode \
    --with-oniguruma=${STAGING_DIR_HOST}${prefix}"

do_test() {
    test "$(echo '{"a": [1, 2, 3]}' | jq '.a | add')" = 6
    test "$(echo '"moonsand"' | jq 'test("^moo")')" = true
}
