--- How what it costs to read recipes grows with their number: a metadata layer that is made up, so
--- nothing is downloaded, of 100, 300, 1,000 and 3,000 recipe files.
---
---   lua5.4 bench/growth.lua [FILES...]      `make bench` sets LUA_PATH and LUA_CPATH
---
--- Each size is a layer of its own, read by one process of its own, without the parse cache, in
--- turns. Every file is read in two variants; it has classes, overrides, an included file, and
--- Python that Lua cannot evaluate; every tenth has a bbappend. The last hundred files are the same
--- for every size, and so are the twenty that come first and pay for what is read once. For the
--- last hundred Lua's instructions are counted, which no load of the machine changes.
local core = require "moonsand.core"
local rounds = require "bench.support.rounds"

local FIRST <const>, LAST <const> = 20, 100
local ROUNDS <const> = 3
local here = assert(core.realpath("."))

local function write(path, text)
  assert(core.mkdirs(path:match "^(.*)/"))
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

local configuration = [[
PN = "${@bb.parse.vars_from_file(d.getVar('FILE', False),d)[0] or 'none'}"
PV = "${@bb.parse.vars_from_file(d.getVar('FILE', False),d)[1] or '1.0'}"
BPN = "${@d.getVar('PN').replace('-native', '')}"
BBFILES = "LAYER/recipes/*/*.bb LAYER/recipes/*/*.bbappend"
WORKDIR = "/work"
S = "${WORKDIR}/src"
B = "${WORKDIR}/build"
D = "${WORKDIR}/outputs"
prefix = "/usr"
bindir = "${prefix}/bin"
libdir = "${prefix}/lib"
export CC = "gcc"
export CFLAGS = "-O2 ${EXTRA}"
EXTRA ?= "-pipe"
EXTRA:append:large = " -g"
DISTRO_FEATURES = "ipv6 pam systemd"
OVERRIDES = "large:linux:pn-${PN}"
PACKAGES = "${PN} ${PN}-dev ${PN}-doc"
FILES:${PN} = "${bindir}/*"
FILES:${PN}-dev = "${libdir}/*.so"
RDEPENDS:${PN}-dev = "${PN} (= ${PV})"
INHERIT = "bookkeeping"
]]

local classes = {
  base = [[
addtask fetch
addtask unpack after do_fetch
addtask configure after do_unpack
addtask compile after do_configure
addtask install after do_compile
addtask build after do_install
do_build[noexec] = "1"
do_fetch[network] = "1"
do_compile[dirs] = "${B}"
do_install[cleandirs] = "${D}"
base_do_configure() {
    :
}
base_do_compile() {
    oe_runmake ${EXTRA_OEMAKE}
}
oe_runmake() {
    make -j ${@'4'} "$@"
}
EXPORT_FUNCTIONS do_configure do_compile
]],
  autotools = [[
DEPENDS:prepend = "autoconf-native "
EXTRA_OECONF:append = " --prefix=${prefix} --libdir=${libdir}"
autotools_do_configure() {
    ${S}/configure ${EXTRA_OECONF} ${@bb.utils.contains('DISTRO_FEATURES', 'pam', '--pam', '', d)}
}
EXPORT_FUNCTIONS do_configure
]],
  bookkeeping = [[
def said_of(d):
    return ' '.join(sorted(d.getVar('PN').split('-')) + ['%s=%d' % (d.getVar('PV'), len('x'))])
SAID = "${@said_of(d)}"
python () {
    if d.getVar('SAID').startswith('r'):
        d.appendVar('PROVIDES', ' virtual/' + d.getVar('PN'))
}
]],
  native = 'PN .= "-native"\nPACKAGES = ""\nprefix = "/opt"\n',
}

local function recipe_text(i)
  return ([[
SUMMARY = "The program number %d"
LICENSE = "MIT"
DEPENDS = "r%d r%d"
SRC_URI = "https://example.org/r%d-${PV}.tar.gz file://a.patch"
SRC_URI[sha256sum] = "%064x"
require common.inc
inherit autotools
EXTRA_OECONF = "--with=%d"
EXTRA_OECONF:append:large = " --large"
EXTRA_OECONF:remove = "--small"
PACKAGECONFIG ??= "${@bb.utils.filter('DISTRO_FEATURES', 'ipv6 systemd', d)}"
RDEPENDS:${PN} = "r%d"
BBCLASSEXTEND = "native"
do_install() {
    install -d ${D}${bindir}
    echo %d > ${D}${bindir}/r%d
}
do_install:append:large() {
    :
}
]]):format(i, i // 2, i // 3, i, i, i, i // 2, i, i)
end

local function layer_in(directory, count)
  write(directory .. "/conf/bitbake.conf", (configuration:gsub("LAYER", directory)))
  for name, text in pairs(classes) do
    write(("%s/classes/%s.bbclass"):format(directory, name), text)
  end
  for i = 1, count do
    local place = ("%s/recipes/group%d"):format(directory, i // 100)
    write(("%s/r%d_1.%d.bb"):format(place, i, i), recipe_text(i))
    if i % 100 == 0 or i == 1 then
      write(place .. "/common.inc", 'HOMEPAGE = "https://example.org/${BPN}"\nA ?= "${PN}"\n')
    end
    if i % 10 == 0 then
      write(("%s/r%d_%%.bbappend"):format(place, i), 'EXTRA_OECONF += "--appended"\n')
    end
  end
end

-- A layer's files: the first, those that only this size has, the last.
local function in_order(directory, count)
  local list = {}
  local function add(from, to)
    for i = from, to do
      list[#list + 1] = ("%s/recipes/group%d/r%d_1.%d.bb"):format(directory, i // 100, i, i)
    end
  end
  add(LAST + 1, LAST + FIRST)
  add(LAST + FIRST + 1, count + FIRST)
  add(1, LAST)
  return list
end

-- A process of its own: thousands of Lua's instructions for the last files, and the heap when all
-- is read.
local function child(directory, count)
  local config <close> = require "moonsand.recipe".configure {
    path = {directory}, python = require "moonsand.build.python".new(here .. "/python"),
  }
  local files, steps = in_order(directory, count), 0
  local read = require "moonsand.recipe.survey".read(config, {files = files, jobs = 1,
    progress = function(done)
      if done == #files - LAST then debug.sethook(function() steps = steps + 1 end, "", 1000) end
    end})
  debug.sethook()
  assert(#read.recipes == 2 * #files and #read.failures == 0, "not all was read")
  collectgarbage()
  collectgarbage()
  print(("%d %.2f"):format(steps, collectgarbage "count" / 1024))
end

local function measure(place, count)
  local report = place .. "/report"
  local pipe <close> = assert(io.popen(("python3 bench/support/reap.py %s " ..
    "lua5.4 bench/growth.lua child %s/%d %d"):format(report, place, count, count)))
  local last, heap = pipe:read("n", "n")
  assert(heap, "the child failed")
  pipe:close()
  local file <close> = assert(io.open(report))
  local _, processor, memory = file:read("n", "n", "n")
  return {last = last, heap = heap, each = processor / (count + FIRST) * 1e3,
    memory = memory / 1024}
end

local function median(list, field)
  local all = {}
  for i, each in ipairs(list) do all[i] = each[field] end
  return rounds.median(all)
end

local function main(sizes)
  local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench-growth."))
  local ok, problem = xpcall(function()
    local results = {}
    for _, count in ipairs(sizes) do layer_in(("%s/%d"):format(place, count), count + FIRST) end
    for round = 1, ROUNDS do
      for k = 1, #sizes do
        local count = sizes[(k + round) % #sizes + 1]
        results[count] = results[count] or {}
        table.insert(results[count], measure(place, count))
      end
    end
    for _, count in ipairs(sizes) do
      local list, least = results[count], results[sizes[1]]
      local each = median(list, "each")
      print(("%5d files: %.2f processor ms a file, %.2f of the first size's; instructions for " ..
        "the last %d: %.3f; heap %.1f MiB; %.0f MiB at the peak"):format(count, each,
        each / median(least, "each"), LAST,
        median(list, "last") / median(least, "last"), median(list, "heap"),
        median(list, "memory")))
    end
  end, debug.traceback)
  core.remove_tree(place)
  if not ok then error(problem, 0) end
end

if arg[1] == "child" then
  child(arg[2], math.tointeger(arg[3]))
else
  local sizes = {}
  for i, word in ipairs(#arg > 0 and arg or {100, 300, 1000, 3000}) do
    sizes[i] = assert(math.tointeger(tonumber(word)), "FILES is a number")
  end
  main(sizes)
end
