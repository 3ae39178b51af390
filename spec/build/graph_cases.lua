-- Small metadata layers, a rule each, and what BitBake 2.18 made of them (`bitbake -g`): a line a
-- task, with what it needs. `refused`: BitBake ends with an error.
local M = {}

M.files = {
  ["conf/bitbake.conf"] = [[
TMPDIR = "${TOPDIR}/tmp"
CACHE = "${TMPDIR}/cache"
PERSISTENT_DIR = "${TMPDIR}/cache"
T = "${TMPDIR}/${PN}"
STAMP = "${TMPDIR}/stamps/${PN}"
B = "${TMPDIR}/${PN}"
PN = "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[0] or 'defaultpkgname'}"
PV = "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[1] or '1.0'}"
PF = "${PN}-${PV}"
OVERRIDES = "pn-${PN}"
PACKAGES = "${PN}"
BBFILES = "${TOPDIR}/r/*.bb ${TOPDIR}/layer/*.bb"
BB_SIGNATURE_HANDLER = "basic"
include conf/local.conf
]],
  ["classes/base.bbclass"] = [[
do_compile() {
    :
}
do_install() {
    :
}
do_build() {
    :
}
do_build[noexec] = "1"
addtask compile
addtask install after do_compile
addtask build after do_install
do_compile[deptask] = "do_install"
]],
}

local function case(name, files, targets, answer)
  M[#M + 1] = {name = name, files = files, targets = targets, answer = answer}
end

case("tasks in the order of addtask; a task that is not there is not waited for", {
  ["r/a.bb"] = "addtask x after do_compile do_nothing before do_install\ndo_x() {\n    :\n}\n",
}, {"a"}, [[
a:build: a:install
a:compile
a:install: a:compile a:x
a:x: a:compile
]])

case("only what the target needs", {["r/a.bb"] = "", ["r/b.bb"] = ""}, {"a:do_install"}, [[
a:compile
a:install: a:compile
]])

case("a removed task is gone, a task without work stays", {
  ["r/a.bb"] = "deltask install\ndo_compile[noexec] = \"1\"\n",
  ["r/b.bb"] = "DEPENDS = \"a\"\ndo_install[noexec] = \"1\"\ndo_compile[nostamp] = \"1\"\n",
}, {"a", "b"}, [[
a:build
b:build: b:install
b:compile
b:install: b:compile
]])

case("[deptask] over DEPENDS, without versions and names that the host provides", {
  ["conf/local.conf"] = "ASSUME_PROVIDED = \"make ^gcc-.*\"\n",
  ["r/a.bb"] = "DEPENDS = \"b (>= 1.0) make gcc-12 virtual/c\"\n",
  ["r/b.bb"] = "", ["r/c.bb"] = "PROVIDES = \"virtual/c\"\ndeltask install\n",
}, {"a"}, [[
a:build: a:install
a:compile: b:install
a:install: a:compile
b:compile
b:install: b:compile
]])

case("[rdeptask] over packages: by name, by RPROVIDES, on demand", {
  ["r/a.bb"] = "PACKAGES = \"a a-dev\"\nRDEPENDS:a = \"b-x sh\"\nRRECOMMENDS:a-dev = \"mod-z\"\n" ..
    "RDEPENDS:a-doc = \"nothing\"\ndo_build[rdeptask] = \"do_install\"\n",
  ["r/b.bb"] = "PACKAGES = \"b b-x\"\n", ["r/c.bb"] = "RPROVIDES:c = \"sh\"\n",
  ["r/e.bb"] = "PACKAGES_DYNAMIC = \"^mod-.*\"\n",
}, {"a"}, [[
a:build: a:install b:install c:install e:install
a:compile
a:install: a:compile
b:compile
b:install: b:compile
c:compile
c:install: c:compile
e:compile
e:install: e:compile
]])

case("[depends] and [rdepends] name a task of a recipe", {
  ["r/a.bb"] = "RDEPENDS:a = \"c-x\"\n" ..
    "do_install[depends] = \"b:do_compile virtual/c:do_build\"\n" ..
    "do_build[rdepends] = \"c-x:do_install\"\n",
  ["r/b.bb"] = "", ["r/c.bb"] = "PROVIDES = \"virtual/c\"\nPACKAGES = \"c-x\"\n",
}, {"a"}, [[
a:build: a:install c:install
a:compile
a:install: a:compile b:compile c:build
b:compile
c:build: c:install
c:compile
c:install: c:compile
]])

case("a task that needs itself needs nothing", {
  ["r/a.bb"] = "do_install[depends] = \"a:do_install\"\n",
}, {"a"}, [[
a:build: a:install
a:compile
a:install: a:compile
]])

case("[recrdeptask] waits for a task of everything below", {
  ["r/a.bb"] = "DEPENDS = \"b\"\nRDEPENDS:a = \"e\"\ndo_build[recrdeptask] = \"do_x\"\n",
  ["r/b.bb"] = "DEPENDS = \"c\"\naddtask x\ndo_x() {\n    :\n}\n",
  ["r/c.bb"] = "addtask x\ndo_x() {\n    :\n}\n",
  ["r/e.bb"] = "addtask x\ndo_x() {\n    :\n}\ndo_x[depends] = \"f:do_compile\"\n",
  ["r/f.bb"] = "addtask x\ndo_x() {\n    :\n}\n",
  ["r/g.bb"] = "addtask x\ndo_x() {\n    :\n}\n",
}, {"a"}, [[
a:build: a:install b:x c:x e:x f:x
a:compile: b:install
a:install: a:compile
b:compile: c:install
b:install: b:compile
b:x
c:compile
c:install: c:compile
c:x
e:x: f:compile
f:compile
f:x
]])

case("[recrdeptask] that names its own task", {
  ["classes/all.bbclass"] = "addtask x\ndo_x() {\n    :\n}\naddtask all after do_x\n" ..
    "do_all() {\n    :\n}\ndo_all[recrdeptask] = \"do_all do_x\"\n",
  ["r/a.bb"] = "inherit all\nDEPENDS = \"b\"\nRDEPENDS:a = \"c\"\n",
  ["r/b.bb"] = "inherit all\nRDEPENDS:b = \"a\"\n",
  ["r/c.bb"] = "inherit all\nDEPENDS = \"b\"\n",
}, {"a:do_all"}, [[
a:all: a:x b:x c:x
a:x
b:x
c:x
]])

case("[recrdeptask] through tasks that have it as well", {
  ["r/a.bb"] = "addtask top\ndo_top() {\n    :\n}\ndo_top[depends] = \"b:do_mid\"\n" ..
    "do_top[recrdeptask] = \"do_x do_mid\"\n",
  ["r/b.bb"] = "DEPENDS = \"c\"\naddtask mid\ndo_mid() {\n    :\n}\n" ..
    "do_mid[recrdeptask] = \"do_x do_install\"\n",
  ["r/c.bb"] = "DEPENDS = \"e\"\naddtask x after do_compile\ndo_x() {\n    :\n}\n",
  ["r/e.bb"] = "addtask x\ndo_x() {\n    :\n}\n",
}, {"a:do_top"}, [[
a:top: b:mid c:x e:x
b:mid: c:install c:x e:install e:x
c:compile: e:install
c:install: c:compile
c:x: c:compile
e:compile
e:install: e:compile
e:x
]])

case("[recideptask] looks through other tasks of the recipe", {
  ["r/a.bb"] = "DEPENDS = \"b\"\naddtask sdk\ndo_sdk() {\n    :\n}\n" ..
    "do_sdk[recrdeptask] = \"do_x\"\ndo_sdk[recideptask] = \"do_side do_missing\"\n" ..
    "addtask side\ndo_side() {\n    :\n}\ndo_side[depends] = \"c:do_build\"\n",
  ["r/b.bb"] = "addtask x\ndo_x() {\n    :\n}\n",
  ["r/c.bb"] = "DEPENDS = \"e\"\naddtask x\ndo_x() {\n    :\n}\n",
  ["r/e.bb"] = "addtask x\ndo_x() {\n    :\n}\n",
}, {"a:do_sdk"}, [[
a:sdk: b:x c:x e:x
b:x
c:x
e:x
]])

case("PREFERRED_PROVIDER, and the recipe that is called like the name", {
  ["conf/local.conf"] = "PREFERRED_PROVIDER_virtual/z = \"c\"\n",
  ["r/a.bb"] = "DEPENDS = \"virtual/z b\"\n", ["r/b.bb"] = "",
  ["r/c.bb"] = "PROVIDES = \"virtual/z b\"\n", ["r/e.bb"] = "PROVIDES = \"virtual/z\"\n",
}, {"a:do_compile"}, "refused")

case("the version that is preferred is the first that answers", {
  ["conf/local.conf"] = "PREFERRED_VERSION_b = \"1.%\"\n",
  ["r/a.bb"] = "DEPENDS = \"b\"\n", ["r/b_1.2.bb"] = "addtask two before do_compile\n" ..
    "do_two() {\n    :\n}\n", ["r/b_1.10.bb"] = "addtask ten before do_compile\n" ..
    "do_ten() {\n    :\n}\n", ["r/b_2.0.bb"] = "",
}, {"a:do_compile"}, [[
a:compile: b:install
b:compile: b:ten
b:install: b:compile
b:ten
]])

case("the version that is preferred is looked for from the lowest DEFAULT_PREFERENCE on", {
  ["conf/local.conf"] = "PREFERRED_VERSION_b = \"1.%\"\n",
  ["r/a.bb"] = "DEPENDS = \"b\"\n", ["r/b_1.1.bb"] = "addtask one before do_compile\n" ..
    "do_one() {\n    :\n}\n", ["r/b_1.2.bb"] = "DEFAULT_PREFERENCE = \"-1\"\n" ..
    "addtask two before do_compile\ndo_two() {\n    :\n}\n",
}, {"a:do_compile"}, [[
a:compile: b:install
b:compile: b:two
b:install: b:compile
b:two
]])

case("a layer of higher priority before a newer version", {
  ["conf/local.conf"] = "BBFILE_COLLECTIONS = \"low high\"\nBBFILE_PATTERN_low = " ..
    "\"^${TOPDIR}/r/\"\nBBFILE_PATTERN_high = \"^${TOPDIR}/layer/\"\nBBFILE_PRIORITY_low = " ..
    "\"5\"\nBBFILE_PRIORITY_high = \"6\"\n",
  ["r/a_2.bb"] = "addtask two before do_compile\ndo_two() {\n    :\n}\n",
  ["layer/a_1.bb"] = "addtask one before do_compile\ndo_one() {\n    :\n}\n",
}, {"a:do_compile"}, [[
a:compile: a:one
a:one
]])

case("a provider that lacks something at run time is passed over", {
  ["r/a.bb"] = "DEPENDS = \"z\"\n",
  ["r/b.bb"] = "PROVIDES = \"z\"\nRDEPENDS:b = \"nowhere\"\n", ["r/c.bb"] = "PROVIDES = \"z\"\n",
}, {"a:do_compile"}, [[
a:compile: c:install
c:compile
c:install: c:compile
]])

case("world", {
  ["r/a.bb"] = "EXCLUDE_FROM_WORLD = \"1\"\n", ["r/b.bb"] = "PROVIDES = \"virtual/b\"\n",
  ["r/c.bb"] = "PROVIDES = \"z\"\n", ["r/e.bb"] = "PROVIDES = \"z\"\n", ["r/f.bb"] = "",
}, {"world"}, [[
f:build: f:install
f:compile
f:install: f:compile
]])

case("a recipe that says at the end what it depends on", {
  ["r/a.bb"] = "python calculate_extra_depends() {\n    for p in sorted(world_target):\n" ..
    "        if p != self_pn:\n            deps.append(p)\n    if len(pkg_pn['b']) == 1:\n" ..
    "        return\n}\n",
  ["r/b.bb"] = "", ["r/c.bb"] = "EXCLUDE_FROM_WORLD = \"1\"\n", ["r/e.bb"] = "",
}, {"a:do_compile"}, [[
a:compile: b:install e:install
b:compile
b:install: b:compile
e:compile
e:install: e:compile
]])

case("a recipe that took itself out provides nothing", {
  ["r/a.bb"] = "DEPENDS = \"z\"\n", ["r/b.bb"] = "PROVIDES = \"z\"\npython () {\n" ..
    "    raise bb.parse.SkipRecipe('not for this machine')\n}\n",
  ["r/z.bb"] = "",
}, {"a:do_compile"}, [[
a:compile: z:install
z:compile
z:install: z:compile
]])

case("variants of a recipe are recipes of their own", {
  ["classes/native.bbclass"] = "python native_handler() {\n    d.setVar('DEPENDS', " ..
    "d.getVar('NATIVE') or '')\n}\naddhandler native_handler\n" ..
    "native_handler[eventmask] = \"bb.event.RecipePreFinalise\"\n",
  ["r/a.bb"] = "DEPENDS = \"b-native\"\n", ["r/b.bb"] = "DEPENDS = \"c\"\nNATIVE = \"e\"\n" ..
    "BBCLASSEXTEND = \"native\"\n",
  ["r/c.bb"] = "", ["r/e.bb"] = "",
}, {"a:do_compile"}, [[
a:compile: b-native:install
b-native:compile: e:install
b-native:install: b-native:compile
e:compile
e:install: e:compile
]])

case("a name that nothing provides", {["r/a.bb"] = "DEPENDS = \"z\"\n"}, {"a"}, "refused")

case("a package that nothing has", {["r/a.bb"] = "RDEPENDS:a = \"z\"\n"}, {"a"}, "refused")

case("a task of [depends] that is not there", {
  ["r/a.bb"] = "do_build[depends] = \"b:do_nothing\"\n", ["r/b.bb"] = "",
}, {"a"}, "refused")

case("a word of [depends] that names no task, in a task that is not wanted", {
  ["r/a.bb"] = "addtask x\ndo_x[depends] = \"b\"\n", ["r/b.bb"] = "",
}, {"a"}, "refused")

case("recipes that wait for each other", {
  ["r/a.bb"] = "DEPENDS = \"b\"\n", ["r/b.bb"] = "DEPENDS = \"c\"\n",
  ["r/c.bb"] = "DEPENDS = \"a\"\n",
}, {"a"}, "refused")

case("two versions of a recipe", {
  ["conf/local.conf"] = "PREFERRED_PROVIDER_x = \"b\"\nPREFERRED_VERSION_b = \"1\"\n",
  ["r/b_1.bb"] = "", ["r/b_2.bb"] = "PROVIDES = \"y\"\n",
  ["r/a.bb"] = "DEPENDS = \"b y\"\n",
}, {"a"}, "refused")

case("a task that is not there", {["r/a.bb"] = ""}, {"a:do_nothing"}, "refused")

case("two recipes that provide a name, allowed", {
  ["conf/local.conf"] = "BB_MULTI_PROVIDER_ALLOWED = \"z\"\n",
  ["r/a.bb"] = "DEPENDS = \"b c\"\n", ["r/b.bb"] = "PROVIDES = \"z\"\n",
  ["r/c.bb"] = "PROVIDES = \"z\"\n",
}, {"a:do_compile"}, [[
a:compile: b:install c:install
b:compile
b:install: b:compile
c:compile
c:install: c:compile
]])

case("only what a task needs, without the task", {["r/a.bb"] = ""}, {"a:do_install-"}, [[
a:compile
]])

return M
