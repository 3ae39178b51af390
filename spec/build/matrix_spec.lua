-- What changes which keys: the exact sets of tasks, found without running anything. Instead of
-- running, every task is said to have left what its key says, or what it left before.
local core = require "moonsand.core"
local project = require "spec.support.project"
local recipe = require "moonsand.recipe"
local sandbox = require "moonsand.sandbox"
local taskkeys = require "spec.support.taskkeys"

-- app is linked against lib and drawn with a tool; other has nothing to do with them.
local files = {
  ["classes/shapes.bbclass"] = [[
# What shapes have.
SHAPES_KIND = "round"
SHAPES_UNUSED = "1"
shapes_draw() {
    echo "${SHAPES_KIND}"
}
shapes_erase() {
    echo nothing
}
]],
  ["lib/lib_1.bb"] = [[
# The library.
SUMMARY = "shapes"
SRC_URI = "file://lib.c file://lib.h file://fix.patch"
inherit shapes
S = "${WORKDIR}"
LEVEL = "1"
GREETING = "hello"
do_compile() {
    # The level matters.
    ${CC} -O${LEVEL} -c lib.c
    shapes_draw
}
do_install() {
    install -D -m 0644 lib.h "${D}${includedir}/lib.h"
    echo "${GREETING}" >"${D}${includedir}/greeting"
}
]],
  ["lib/files/lib.c"] = "int lib(void) { return 1; }\n",
  ["lib/files/lib.h"] = "int lib(void);\n",
  ["lib/files/fix.patch"] = "--- a/lib.c\n+++ b/lib.c\n@@ -1 +1 @@\n-int lib(void) { return 1; }\n"
    .. "+int lib(void) { return 2; }\n",
  ["app/app_1.bb"] = 'DEPENDS = "lib tool-native"\ndo_compile() {\n    tool lib.h\n}\n',
  ["tool-native/tool-native_1.bb"] = 'inherit native\nTOOL = "1"\ndo_install() {\n' ..
    '    install -d "${D}${bindir}"\n    echo "${TOOL}" >"${D}${bindir}/tool"\n}\n',
  ["other/other_1.bb"] = 'export FLAVOUR = "plain"\nOTHER = "1"\ndo_compile() {\n    env\n}\n',
}

-- Everything of a recipe from a task on.
local order = {"fetch", "unpack", "patch", "configure", "compile", "install", "populate_sysroot",
  "build"}

local function from(name, task)
  local list, reached = {}, false
  for _, each in ipairs(order) do
    reached = reached or each == task
    if reached then list[#list + 1] = name .. ":" .. each end
  end
  return list
end

local function all(...)
  local set = {}
  for _, list in ipairs {...} do
    for _, name in ipairs(type(list) == "table" and list or {list}) do set[name] = true end
  end
  return set
end

-- Both keys of every task, for all four recipes.
local function keys(here, options, left)
  return taskkeys.of(here, {"app", "lib", "other", "tool-native"}, options, left)
end

local function differing(a, b)
  local set = {}
  for name, key in pairs(a) do
    if b[name] ~= key then set[name] = true end
  end
  for name in pairs(b) do
    if a[name] == nil then set[name] = true end
  end
  return set
end

-- A task without work has no action key.
local function without_builds(set)
  local list = {}
  for name in pairs(set) do
    if not name:find ":build$" then list[name] = true end
  end
  return list
end

local app_up = from("app", "configure")

-- What is changed (file, old, new); which tasks have other keys for it.
local matrix = {
  {"a comment of a recipe", "lib/lib_1.bb", "# The library.", "# A library.", {}},
  {"a comment of a class", "classes/shapes.bbclass", "# What shapes", "# What all shapes", {}},
  {"a comment in a function", "lib/lib_1.bb", "# The level matters.", "# It matters.", {}},
  {"the order of two statements", "lib/lib_1.bb", 'LEVEL = "1"\nGREETING = "hello"\n',
    'GREETING = "hello"\nLEVEL = "1"\n', {}},
  {"blank lines", "lib/lib_1.bb", 'LEVEL = "1"\n', '\n\nLEVEL = "1"\n\n', {}},
  {"what only people read", "lib/lib_1.bb", '"shapes"', '"many shapes"', {}},
  {"a variable that nothing refers to", "classes/shapes.bbclass", 'UNUSED = "1"', 'UNUSED = "2"',
    {}},
  {"a function that nothing calls", "classes/shapes.bbclass", "echo nothing", "echo no", {}},
  {"a byte of a source", "lib/files/lib.c", "1", "3", all(from("lib", "unpack"), app_up)},
  {"a byte of a header", "lib/files/lib.h", "void", "int ", all(from("lib", "unpack"), app_up)},
  {"a byte of a patch", "lib/files/fix.patch", "2; }", "4; }", all(from("lib", "patch"), app_up)},
  {"the order of sources", "lib/lib_1.bb", "file://lib.c file://lib.h", "file://lib.h file://lib.c",
    all(from("lib", "unpack"), app_up)},
  {"a class function that is reached", "classes/shapes.bbclass", 'echo "%${', 'echo -n "${',
    all(from("lib", "compile"), app_up)},
  {"a variable of a class function that is reached", "classes/shapes.bbclass", '"round"', '"flat"',
    all(from("lib", "compile"), app_up)},
  {"a variable of one task", "lib/lib_1.bb", '"hello"', '"hullo"',
    all(from("lib", "install"), app_up)},
  {"a tool", "tool-native/tool-native_1.bb", 'TOOL = "1"', 'TOOL = "2"',
    all(from("tool-native", "install"), app_up)},
  {"a variable that is exported", "other/other_1.bb", '"plain"', '"sweet"',
    all(from("other", "unpack"))},
  {"that a variable is exported", "other/other_1.bb", 'OTHER =', 'export OTHER =',
    all(from("other", "unpack"))},
  {"a compiler flag of a recipe", "lib/lib_1.bb", 'LEVEL = "1"', 'LEVEL = "1"\nCFLAGS = "-g"',
    all(from("lib", "configure"), app_up)},
  {"a dependency", "app/app_1.bb", '"lib tool%-native"', '"lib"', all(app_up)},
}

describe("the keys of tasks", function()
  local here, before

  setup(function()
    here = project.new()
    here:write(files)
    before = keys(here)
  end)
  teardown(function() here:close() end)

  local function changed(file, old, new, options, left)
    local text, count = files[file]:gsub(old, (new:gsub("%%", "%%%%")))
    assert.are.equal(1, count)
    here:write {[file] = text}
    local after = keys(here, options, left)
    here:write {[file] = files[file]}
    return differing(before.intent, after.intent), differing(before.action, after.action)
  end

  for _, row in ipairs(matrix) do
    local what, file, old, new, tasks = table.unpack(row)
    it(("that change with %s"):format(what), function()
      local intents, actions = changed(file, old, new)
      assert.are.same(tasks, intents)
      assert.are.same(without_builds(tasks), actions)
    end)
  end

  it("stop changing where the bytes are the same as before; until that is known, they may not",
    function()
      local intents, actions = changed("lib/files/fix.patch", "2; }", "4; }", nil,
        {["lib:populate_sysroot"] = before.layer["lib:populate_sysroot"]})
      assert.are.same(all(from("lib", "patch"), app_up), intents)
      assert.are.same(without_builds(all(from("lib", "patch"))), actions)
    end)

  it("of who needs a tool only for its own tasks do not change with the tools of a library",
    function()
      here:write {["lib/lib_1.bb"] = files["lib/lib_1.bb"] .. 'DEPENDS = "tool-native"\n',
        ["app/app_1.bb"] = files["app/app_1.bb"]:gsub(" tool%-native", "")}
      local with = keys(here)
      here:write {["tool-native/tool-native_1.bb"] =
        files["tool-native/tool-native_1.bb"]:gsub('TOOL = "1"', 'TOOL = "2"')}
      local after = keys(here, nil, {["lib:populate_sysroot"] = with.layer["lib:populate_sysroot"]})
      here:write(files)
      assert.are.same(without_builds(all(from("tool-native", "install"), from("lib", "configure"))),
        differing(with.action, after.action))
    end)

  -- The same recipes, read in an environment.
  local function read_in(environment, variables)
    local all_variables = {BBFILES = here.path .. "/recipes/*/*.bb"}
    for name, value in pairs(variables or {}) do all_variables[name] = value end
    return keys(here, {config = recipe.configure {path = {here.path .. "/recipes", "recipes"},
      variables = all_variables, environment = environment}})
  end

  it("are the same for every user, wherever he has his home, and whatever his shell", function()
    assert.are.same(before, read_in {HOME = "/home/a", USER = "a", LOGNAME = "a", PWD = "/home/a/b",
      SHELL = "/bin/zsh", PATH = "/home/a/bin:/usr/bin", LC_ALL = "de_DE.UTF-8"})
  end)

  it("change with what a recipe asks of the environment, where it asks", function()
    here:write {["other/other_1.bb"] = 'do_compile() {\n    echo "${HOME}"\n}\n'}
    local a, b = read_in {HOME = "/home/a"}, read_in {HOME = "/home/b"}
    here:write(files)
    assert.are.same(all(from("other", "compile")), differing(a.intent, b.intent))
  end)

  it("are the same for any number of jobs, any log and any moment", function()
    local time_ns = core.time_ns
    core.time_ns = function() return time_ns() + 86400 * 365 * 1000000000 end
    local ok, after = pcall(read_in, nil, {PARALLEL_MAKE = "-j 7", BB_NUMBER_THREADS = "7",
      DL_DIR = "/elsewhere"})
    core.time_ns = time_ns
    assert(ok, after)
    assert.are.same(before, after)
    assert.are.same(before, keys(here, {jobs = 7, keep_going = true, sync = "each",
      directory = here.path .. "/log"}))
  end)

  it("are the same in another clone, at another place, on a host with another name", function()
    local result = sandbox.new {
      script = [[LUA_PATH='./?.lua;./lua/?.lua;./lua/?/init.lua;;' LUA_CPATH='./build/?.so;;' \
        lua5.4 spec/support/taskkeys.lua /elsewhere/project app lib other tool-native]],
      cwd = "/elsewhere/clone", hostname = "another", umask = 63,
      env = {HOME = "/elsewhere", TZ = "Asia/Tokyo"},
      binds = {{source = core.realpath ".", target = "/elsewhere/clone"},
        {source = here.path, target = "/elsewhere/project", read_only = false}},
    }:run()
    assert.are.equal("", result.stderr)
    assert.are.equal(taskkeys.text(before), result.stdout)
  end)
end)
