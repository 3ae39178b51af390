--- BitBake's own answers on OpenEmbedded-Core (../shared/data), asked of the command in a build
--- directory, as somebody from outside would: the configuration, recipes with their variants, run
--- scripts, the task graph.
---
---   lua5.4 spec/support/outside_build.lua BUILD [PART...]    make answers BUILD=DIRECTORY
---
--- PART is some of: conf truth scripts graph; `truth=2/7` is the second seventh of the files. It
--- takes long: a gigabyte of JSON is read. It wants the environment of oe-init-build-env: bitbake
--- in PATH, BB_ENV_PASSTHROUGH_ADDITIONS. Root becomes the owner of BUILD. Exits with 1 when there
--- is a difference that is not among those explained below.
local answers = require "spec.recipe.answers"
local core = require "moonsand.core"
local host = require "spec.support.host"
local json = require("dkjson").use_lpeg()
local order = require "moonsand.order"

local null, shown = answers.null, answers.shown
local here = assert(core.realpath("."))
local directory = answers.directory() or error("which directory has the answers?", 0)
local build = core.realpath(arg[1] or "") or error("which build directory?", 0)
local parts, first, step = {}, 1, 1
for i = 2, #arg do
  local name, number, of = arg[i]:match("^(%l+)=?(%d*)/?(%d*)$")
  parts[name] = true
  first, step = math.tointeger(tonumber(number)) or first, math.tointeger(tonumber(of)) or step
end

local place <close> = host.scratch()
core.chmod(place.path, 0x1ff)

-- Differences that are explained: what, and the name -> why.
local explained = {}
local function explain(why, names, ...)
  for name in names:gmatch("%S+") do
    for _, kind in ipairs {...} do
      explained[kind] = explained[kind] or {}
      explained[kind][name] = why
    end
  end
end

-- These hold the same words; they were made of a set of Python's, or of the names of all variables,
-- whose order is another one in each run of BitBake. BBINCLUDED is sorted here.
local words_of_a_set = {
  ["conf value"] = {BBINCLUDED = true, COMBINED_FEATURES = true},
  ["conf raw"] = {BBINCLUDED = true}, ["task flag"] = {vardeps = true},
}
explain("the user who runs it", "HOST_USER_UID HOST_USER_GID", "conf value", "conf raw")

-- Run the command in the build directory; each line of what it says is given to `take`.
local function ask(words, take)
  local owner = core.stat(build)
  local drop = core.uid() == 0 and ("setpriv --reuid=%d --regid=%d --clear-groups"):format(
    owner.uid, owner.gid) or ""
  local environment = ("MOONSAND_DIR=%s HOME=%s USER=bbuser LOGNAME=bbuser"):format(place.path,
    place.path)
  local out <close> = assert(io.popen(("cd %s && %s env %s %s/bin/moonsand %s"):format(build,
    drop, environment, here, words)))
  for line in out:lines("L") do take(line) end
end

local function all_of(words)
  local lines = {}
  ask(words, function(line) lines[#lines + 1] = line end)
  return table.concat(lines)
end

-- Places of this machine -> what stands for them in the answers, the longest one first.
local places = {}

-- The places, and the process that a name was made with.
local function with_marks(text)
  for _, each in ipairs(places) do text = text:gsub(each[1], each[2]) end
  return (text:gsub("/fifo%.%d+", "/fifo.PID"))
end

local function learn_places()
  local base = all_of("vars --config COREBASE"):match("[^\n]+")
  local bitbake = all_of("vars --config BITBAKEPATH"):match("(/.-)/bin\n")
  places = {{base, "@COREBASE@"}, {build, "@TOPDIR@"}, {place.path, "@HOME@"},
    {bitbake or "/no bitbake in PATH", "@BITBAKE@"}}
  table.sort(places, function(a, b) return #a[1] > #b[1] end)
  for _, each in ipairs(places) do each[1] = each[1]:gsub("%p", "%%%0") end
end

local function decode(line)
  return assert(json.decode(with_marks(line), 1, null))
end

-- Two texts from where they begin to differ, each on one line.
local function excerpts(a, b)
  local at = 1
  if type(a) == "string" and type(b) == "string" then
    while a:byte(at) == b:byte(at) do at = at + 1 end
  end
  local function excerpt(text)
    if type(text) ~= "string" then return shown(text) end
    local from = math.max(at - 40, 1)
    return (from > 1 and "..." or "") .. shown(text:sub(from, at + 160)):gsub("\n", "n")
  end
  return excerpt(a), excerpt(b)
end

-- What agrees, by kind.
local counts, failed = {}, false

local function sorted_words(text)
  local words = {}
  for word in tostring(text):gmatch("%S+") do
    if not word:find("/conf/moonsand%.conf$") then words[#words + 1] = word end -- none is there
  end
  table.sort(words)
  return table.concat(words, " ")
end

local function is_explained(kind, name, expected, actual)
  if explained[kind] and explained[kind][name] then return true end
  return words_of_a_set[kind] and words_of_a_set[kind][name] and
    sorted_words(expected) == sorted_words(actual)
end

local function count(kind, name, where, expected, actual)
  if type(expected) == "string" then expected = with_marks(expected) end
  local each = counts[kind] or {agreed = 0, known = 0, all = 0}
  counts[kind], each.all = each, each.all + 1
  if expected == actual then
    each.agreed = each.agreed + 1
  elseif is_explained(kind, name, expected, actual) then
    each.known = each.known + 1
  else
    failed = true
    print(("%s %s of %s is\n  %s, expected\n  %s"):format(kind, name, where,
      excerpts(actual, expected)))
  end
end

local function plain(value)
  if value == nil or value == null or value == false then return nil end
  if type(value) == "table" then return table.concat(value, " ") end
  return tostring(value)
end

-- Flags that the answers leave out.
local left_out = {filename = true, lineno = true, export_func = true, func = true, task = true}

local function compare_flags(kind, where, expected, actual, more)
  local names = {}
  for flag in pairs(expected) do names[flag] = true end
  for flag in pairs(actual) do names[flag] = true end
  for flag in order.sorted(names) do
    if not left_out[flag] and flag ~= more then
      count(kind, flag, where, plain(expected[flag]), plain(actual[flag]))
    end
  end
end

local function hash(text) return core.sha256(text):sub(1, 16) end

local function compare_functions(where, expected, vars)
  for name, each in order.sorted(expected) do
    local text = vars[name] and plain(vars[name][each.python and "raw" or "value"])
    count("function", name, where, each.sha, text and hash(text))
  end
end

local function compare_store(case, store)
  local where = case.file:match("[^/]*$") .. (case.variant ~= "" and " " .. case.variant or "")
  if not store then return count("variant", case.variant, where, "there", nil) end
  for _, kind in ipairs {"vars", "raw", "pkgvars"} do
    for name, value in order.sorted(case[kind]) do
      local mine = store.vars[name] or {}
      count(kind, name, where, plain(value), plain(kind == "raw" and mine.raw or kind ~= "raw" and
        mine.value))
    end
  end
  count("tasks", "", where, table.concat(case.tasks, " "), table.concat(store.tasks, " "))
  for task, flags in order.sorted(case.taskflags) do
    compare_flags("task flag", where .. " " .. task, flags, store.task_flags[task] or {}, "doc")
  end
  count("classes", "", where, table.concat(case.inherits, " "), table.concat(store.classes, " "))
  compare_flags("PACKAGECONFIG flag", where, case.packageconfig_flags,
    (store.vars.PACKAGECONFIG or {}).flags or {})
  compare_functions(where, case.functions, store.vars)
end

-- Some files at a time.
local function truth()
  local files, by_file = {}, {}
  for _, case in ipairs(answers.load(directory .. "/oe-core-truth.jsonl.gz")) do
    if not by_file[case.file] then
      files[#files + 1] = case.file
      by_file[case.file] = {}
    end
    table.insert(by_file[case.file], case)
  end
  local base = all_of("vars --config COREBASE"):match("[^\n]+")
  for from = first, #files, 8 * step do
    local words, asked = {}, {}
    for i = from, math.min(from + 8 * step - 1, #files), step do
      asked[#asked + 1] = files[i]
      words[#words + 1] = "'" .. files[i]:gsub("@COREBASE@", base) .. "'"
    end
    local at = 0
    ask("vars --all --json " .. table.concat(words, " "), function(line)
      at = at + 1
      local stores = decode(line).stores
      for _, case in ipairs(by_file[asked[at]]) do compare_store(case, stores[case.variant]) end
    end)
    if at ~= #asked then error(("%d answers to %d files"):format(at, #asked), 0) end
  end
end

local function conf()
  local vars = decode(all_of("vars --config --all --json")).stores[""].vars
  for _, case in ipairs(answers.load(directory .. "/oe-core-conf.jsonl.gz")) do
    local mine = vars[case.var] or {}
    if case.value ~= null or not case.flags.python then -- bodies in Python were not asked for
      count("conf value", case.var, "the configuration", plain(case.value), plain(mine.value))
    end
    count("conf raw", case.var, "the configuration", plain(case.raw), plain(mine.raw))
    compare_flags("conf flag", case.var, case.flags, mine.flags or {})
  end
end

-- What the caller's environment says is exported to no task.
local function without_caller(text)
  for _, name in ipairs {"HOME", "LOGNAME", "USER", "LC_ALL"} do
    text = text:gsub("%f[^\n\0]export " .. name .. '="[^"\n]*"\n', "")
  end
  return (text:gsub("%f[^\n\0]unset SHELL\n", ""))
end

local function scripts()
  for _, case in ipairs(answers.load(directory .. "/run-scripts.jsonl.gz")) do
    local mine = with_marks(all_of(("tasks %s --script %s"):format(case.pn, case.task)))
    count("run script", case.task, case.pn, without_caller(case.emit_func), without_caller(mine))
  end
end

local function edges_of(text)
  local set = {}
  for edge in with_marks(text):gmatch('\n("[^\n]- %-> [^\n]-)\n?%f[\n]') do set[edge] = true end
  return set
end

local function graph()
  local pipe <close> = assert(io.popen("gunzip -c " .. directory ..
    "/graphs/busybox-task-depends.dot.gz"))
  local expected = edges_of("\n" .. pipe:read("a"))
  local actual = edges_of("\n" .. all_of("graph busybox --dot"))
  for edge in order.sorted(expected) do count("edge", edge, "busybox", true, actual[edge]) end
  for edge in order.sorted(actual) do
    if not expected[edge] then count("edge", edge, "busybox", nil, true) end
  end
end

learn_places()
local runs = {conf = conf, scripts = scripts, graph = graph, truth = truth}
for _, name in ipairs {"conf", "scripts", "graph", "truth"} do
  if not next(parts) or parts[name] then runs[name]() end
end
for kind, each in order.sorted(counts) do
  print(("%-18s %7d of %7d agree, %d differ as explained"):format(kind, each.agreed, each.all,
    each.known))
end
os.exit(failed and 1 or 0, true)
