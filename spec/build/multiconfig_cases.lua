-- Small metadata layers with multiconfigs, a rule each, and what BitBake 2.18 made of them
-- (`bitbake -g`): see graph_cases.lua, whose files they have, too.
local M = {}

local common = {
  ["conf/local.conf"] = [[
BBMULTICONFIG = "small large"
include conf/multiconfig/${BB_CURRENT_MC}.conf
]],
  ["conf/multiconfig/small.conf"] = 'TMPDIR = "${TOPDIR}/small"\n',
  ["conf/multiconfig/large.conf"] = 'TMPDIR = "${TOPDIR}/large"\n',
}

local function case(name, files, targets, answer)
  for path, text in pairs(common) do files[path] = files[path] or text end
  M[#M + 1] = {name = name, files = files, targets = targets, answer = answer}
end

case("a target of a multiconfig", {
  ["r/a.bb"] = "",
  ["r/b.bb"] = 'DEPENDS = "a"\n',
}, {"mc:small:b"}, [[
mc:small:a:compile
mc:small:a:install: mc:small:a:compile
mc:small:b:build: mc:small:b:install
mc:small:b:compile: mc:small:a:install
mc:small:b:install: mc:small:b:compile
]])

case("a target of the main configuration by its whole name, one in the old form", {
  ["r/a.bb"] = "",
}, {"mc::a", "multiconfig:large:a"}, [[
a:build: a:install
a:compile
a:install: a:compile
mc:large:a:build: mc:large:a:install
mc:large:a:compile
mc:large:a:install: mc:large:a:compile
]])

case("a target of all configurations", {
  ["r/a.bb"] = "",
}, {"mc:*:a"}, [[
a:build: a:install
a:compile
a:install: a:compile
mc:large:a:build: mc:large:a:install
mc:large:a:compile
mc:large:a:install: mc:large:a:compile
mc:small:a:build: mc:small:a:install
mc:small:a:compile
mc:small:a:install: mc:small:a:compile
]])

case("a task of a target of all configurations", {
  ["r/a.bb"] = "",
}, {"mc:*:a:do_compile", "a:do_compile"}, [[
a:compile
mc:large:a:compile
mc:small:a:compile
]])

case("the world of all configurations", {
  ["conf/multiconfig/large.conf"] = 'BBMASK = "/a.bb"\nTMPDIR = "${TOPDIR}/large"\n',
  ["r/a.bb"] = "",
  ["r/b.bb"] = 'EXCLUDE_FROM_WORLD = "1"\n',
}, {"world"}, [[
a:build: a:install
a:compile
a:install: a:compile
mc:small:a:build: mc:small:a:install
mc:small:a:compile
mc:small:a:install: mc:small:a:compile
]])

case("recipes that one configuration masks, and values that it sets", {
  ["conf/local.conf"] = [[
KIND = "b"
BBMULTICONFIG = "small large"
include conf/multiconfig/${BB_CURRENT_MC}.conf
]],
  ["conf/multiconfig/small.conf"] = 'KIND = "c"\nBBMASK = "/b.bb"\nTMPDIR = "${TOPDIR}/small"\n',
  ["r/a.bb"] = 'DEPENDS = "${KIND}"\n',
  ["r/b.bb"] = "",
  ["r/c.bb"] = "",
}, {"a", "mc:small:a"}, [[
a:build: a:install
a:compile: b:install
a:install: a:compile
b:compile
b:install: b:compile
mc:small:a:build: mc:small:a:install
mc:small:a:compile: mc:small:c:install
mc:small:a:install: mc:small:a:compile
mc:small:c:compile
mc:small:c:install: mc:small:c:compile
]])

case("a recipe that a configuration masks", {
  ["conf/multiconfig/small.conf"] = 'BBMASK = "/a.bb"\nTMPDIR = "${TOPDIR}/small"\n',
  ["r/a.bb"] = "",
}, {"mc:small:a"}, "refused")

case("an unknown multiconfig", {
  ["r/a.bb"] = "",
}, {"mc:tiny:a"}, "refused")

case("a multiconfig whose file is required, and is not there", {
  ["conf/local.conf"] = [[
BBMULTICONFIG = "tiny"
FILE_OF_MC = "conf/multiconfig/${BB_CURRENT_MC}.conf"
require ${@d.getVar("FILE_OF_MC") if d.getVar("BB_CURRENT_MC") else ""}
]],
  ["r/a.bb"] = "",
}, {"mc:tiny:a"}, "refused")

case("a multiconfig whose name begins with a digit", {
  ["conf/local.conf"] = 'BBMULTICONFIG = "1st"\n',
  ["r/a.bb"] = "",
}, {"mc:1st:a"}, "refused")

case("[mcdepends] from the main configuration to another one", {
  ["r/a.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc::small:a:do_install"\n',
}, {"i"}, [[
i:build: i:install
i:compile
i:install: i:compile mc:small:a:install
mc:small:a:compile
mc:small:a:install: mc:small:a:compile
]])

case("[mcdepends] from a configuration to others, and to the main one", {
  ["r/a.bb"] = "",
  ["r/b.bb"] = "",
  ["r/i.bb"] = [[
do_install[mcdepends] = "mc:small:large:a:do_install mc:small::b:do_compile"
]],
}, {"mc:small:i"}, [[
b:compile
mc:large:a:compile
mc:large:a:install: mc:large:a:compile
mc:small:i:build: mc:small:i:install
mc:small:i:compile
mc:small:i:install: b:compile mc:large:a:install mc:small:i:compile
]])

case("[mcdepends] of another configuration says nothing", {
  ["r/a.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc:small:large:a:do_install"\n',
}, {"i", "mc:large:i"}, [[
i:build: i:install
i:compile
i:install: i:compile
mc:large:i:build: mc:large:i:install
mc:large:i:compile
mc:large:i:install: mc:large:i:compile
]])

case("[mcdepends] goes on from configuration to configuration", {
  ["r/a.bb"] = 'do_compile[mcdepends] = "mc:small:large:b:do_install"\n',
  ["r/b.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc::small:a:do_install"\n',
}, {"i"}, [[
i:build: i:install
i:compile
i:install: i:compile mc:small:a:install
mc:large:b:compile
mc:large:b:install: mc:large:b:compile
mc:small:a:compile: mc:large:b:install
mc:small:a:install: mc:small:a:compile
]])

case("[mcdepends] names what a recipe provides", {
  ["r/a.bb"] = 'PROVIDES = "virtual/x"\n',
  ["r/i.bb"] = 'do_install[mcdepends] = "mc:${BB_CURRENT_MC}:small:virtual/x:do_install"\n',
}, {"i:do_install"}, [[
i:compile
i:install: i:compile mc:small:a:install
mc:small:a:compile
mc:small:a:install: mc:small:a:compile
]])

case("[mcdepends] within a configuration", {
  ["r/a.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc:::a:do_install"\n',
}, {"i:do_install"}, [[
a:compile
a:install: a:compile
i:compile
i:install: a:install i:compile
]])

case("[mcdepends] on an unknown task", {
  ["r/a.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc::small:a:do_nothing"\n',
}, {"i"}, "refused")

case("[mcdepends] on an unknown multiconfig", {
  ["r/a.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc::tiny:a:do_install"\n',
}, {"i"}, "refused")

case("[mcdepends] of another configuration, on an unknown multiconfig", {
  ["r/a.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc:small:tiny:a:do_install"\n',
}, {"i"}, "refused")

case("[mcdepends] on an unknown recipe", {
  ["r/i.bb"] = 'do_install[mcdepends] = "mc::small:a:do_install"\n',
}, {"i"}, "refused")

case("[mcdepends] without all of its colons", {
  ["r/a.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc:small:a:do_install"\n',
}, {"i"}, "refused")

case("[mcdepends] where there are no multiconfigs", {
  ["conf/local.conf"] = "",
  ["r/a.bb"] = "",
  ["r/i.bb"] = 'do_install[mcdepends] = "mc::small:a:do_install"\n',
}, {"i"}, "refused")

case("[recrdeptask] over [mcdepends]", {
  ["r/a.bb"] = "",
  ["r/b.bb"] = 'DEPENDS = "a"\n',
  ["r/i.bb"] = [[
do_image[mcdepends] = "mc::small:b:do_install"
do_all[recrdeptask] = "do_build"
addtask image after do_install
addtask all after do_image
do_image() {
    :
}
do_all() {
    :
}
]],
}, {"i:do_all"}, [[
i:all: i:build i:image mc:small:a:build mc:small:b:build
i:build: i:install
i:compile
i:image: i:install mc:small:b:install
i:install: i:compile
mc:small:a:build: mc:small:a:install
mc:small:a:compile
mc:small:a:install: mc:small:a:compile
mc:small:b:build: mc:small:b:install
mc:small:b:compile: mc:small:a:install
mc:small:b:install: mc:small:b:compile
]])

case("a loop over two configurations", {
  ["r/a.bb"] = 'do_compile[mcdepends] = "mc:small::i:do_install"\n',
  ["r/i.bb"] = 'do_install[mcdepends] = "mc::small:a:do_install"\n',
}, {"i"}, "refused")

case("one name from two recipes, each in a configuration of its own", {
  ["r/a.bb"] = 'PROVIDES = "x"\n',
  ["r/b.bb"] = 'PROVIDES = "x"\n',
}, {"a:do_compile", "mc:small:b:do_compile"}, [[
a:compile
mc:small:b:compile
]])

return M
