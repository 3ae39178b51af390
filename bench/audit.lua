--- What `moonsand build --audit` and `--audit=full` cost: the same task without and with them, in
--- turns. It is a bad case: little work for each file that is opened, and a sysroot of many layers
--- and directories.
---
---   lua5.4 bench/audit.lua [ROUNDS [LIBRARIES [FILES]]]   `make bench` sets LUA_PATH, LUA_CPATH
---
--- A program of FILES sources is compiled by `gcc -O0` and by `gcc -O2`; each source includes three
--- headers of each library, and each library has 75 files in five directories. Then what a
--- configure script does, FILES times: compile what does not compile, link, look for programs and
--- headers, start small tools.
local build = require "moonsand.build"
local core = require "moonsand.core"
local recipe = require "moonsand.recipe"
local rounds = require "bench.support.rounds"

io.stdout:setvbuf "line"
local count = math.tointeger(arg[1] or 10)
local libraries, sources = math.tointeger(arg[2] or 131), math.tointeger(arg[3] or 10)
local place = assert(core.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/moonsand-bench."))

local function write(name, text)
  local path = place .. "/recipes/" .. name
  assert(core.mkdirs(path:match "^(.*)/"))
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local library = [[
deltask fetch unpack patch configure compile
do_install() {
    for d in a b c d e; do
        mkdir -p "${D}${includedir}/${PN}/$d"
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
            echo "static inline int ${PN}_${d}_$i(int i) { return i + $i; }" \
                >"${D}${includedir}/${PN}/$d/$i.h"
        done
    done
}
]]

local program = [[
DEPENDS = "%s"
deltask fetch unpack patch install populate_sysroot
do_configure() {
    for i in $(seq %d); do
        { for n in $(seq %d); do
            echo "#include <lib$n/a/1.h>"; echo "#include <lib$n/b/2.h>"
            echo "#include <lib$n/c/3.h>"
        done; echo "int f$i(int i) { return i; }"
        } >f$i.c
    done
}
do_compile() {
    for i in $(seq %d); do ${CC} -I${STAGING_INCDIR} %s -c f$i.c; done
}
]]

local configure = [[
DEPENDS = "lib1"
deltask fetch unpack patch configure install populate_sysroot
do_compile() {
    for i in $(seq %d); do
        printf '#include <stdio.h>\n#include <none_%%s.h>\nint main(void) { return 0; }\n' $i >c.c
        ${CC} -I${STAGING_INCDIR} -c c.c 2>/dev/null || :
        printf 'char f_%%s(void);\nint main(void) { return f_%%s(); }\n' $i $i >c.c
        ${CC} -o c c.c 2>/dev/null || :
        printf 'int main(void) { return 0; }\n' >c.c
        ${CC} -o c c.c && ./c
        for tool in gawk mawk nawk none_$i; do command -v $tool >found || :; done
        for file in /usr/include /usr/lib; do test -e $file/none_$i || :; done
        sed -e 's/x/y/' c.c | grep -c main >found
        rm -f c c.c found
    done
}
]]

local names = {}
for i = 1, libraries do
  names[i] = "lib" .. i
  write(("lib%d/lib%d_1.bb"):format(i, i), library)
end
for _, level in ipairs {"O0", "O2"} do
  write(("%s/%s_1.bb"):format(level:lower(), level:lower()), program:format(
    table.concat(names, " "), sources, libraries, sources, "-" .. level))
end

write("conf/conf_1.bb", configure:format(sources))

local function builder(audit)
  local self = {}
  self.builder = build.new {
    config = recipe.configure {path = {place .. "/recipes", "recipes"},
      variables = {BBFILES = place .. "/recipes/*/*.bb"}},
    store = place .. "/store", sync = "off", downloads = place .. "/downloads", audit = audit,
    host = {name = "bench"}, force = {"o0:compile", "o2:compile", "conf:compile"},
    directory = place .. "/build",
    emit = function(event)
      if event.event == "task_ended" then self[event.task] = event end
    end,
  }
  return self
end

local each = {builder(false), builder(true), builder "full"}
assert(each[1].builder:run({"o0:configure", "o2:configure", "o0:compile", "o2:compile",
  "conf:compile"}).ok)

local titles = {o0 = "gcc -O0, %d files, %d layers", o2 = "gcc -O2, %d files, %d layers",
  conf = "a configure script, %d checks"}

for _, name in ipairs {"o0", "o2", "conf"} do
  local ways = {}
  for i, one in ipairs(each) do
    one.builder.options.force = {name .. ":compile"}
    ways[i] = function()
      local busy = os.clock()
      local summary = one.builder:run {name .. ":compile"}
      assert(summary.ok)
      local ended = one[name .. ":compile"]
      return ended.seconds, ended.cpu + os.clock() - busy
    end
  end
  local wall, cpu = rounds.take(ways, count, 1)
  print(("%s, %d rounds: --audit x %.3f, of processor time x %.3f; --audit=full x %.3f"):format(
    titles[name]:format(sources, libraries), #wall[1], rounds.ratio(wall[2], wall[1]),
    rounds.ratio(cpu[2], cpu[1]), rounds.ratio(wall[3], wall[1])))
end

for _, one in ipairs(each) do one.builder:close() end
assert(core.remove_tree(place))
