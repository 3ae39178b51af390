SUMMARY = "The Lua language: interpreter, compiler, library; statically linked"
HOMEPAGE = "https://www.lua.org/"
LICENSE = "MIT"

SRC_URI = "https://www.lua.org/ftp/lua-${PV}.tar.gz"
SRC_URI[sha256sum] = "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61"
DEBIAN_SOURCE = "lua5.4"

inherit make test

do_compile() {
    oe_runmake -C src liblua.a lua luac CC="${CC} -std=gnu99" MYLDFLAGS="-static" \
        MYCFLAGS="-DLUA_USE_POSIX"
}

do_install() {
    oe_runmake install INSTALL_TOP="${D}${prefix}" INSTALL_MAN="${D}${mandir}/man1" \
        INSTALL_LIB="${D}${libdir}"
}

do_test() {
    test "$(lua -e 'print(("%d"):format(6 * 7))')" = 42
    echo 'print(...)' > echo.lua
    luac -o echo.luac echo.lua
    test "$(lua echo.luac a)" = a
}
