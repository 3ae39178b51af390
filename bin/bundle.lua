--- Compile Lua files into one: `lua5.4 bin/bundle.lua DIRECTORY FILE...` writes bundle.bin, the
--- code of all of them, and bundle.h, where each begins (bin/moonsand.c).
local slim = dofile "bin/slim.lua"

local directory = arg[1]

--- Size and time of the modules' files, in their order.
local function states(modules)
  local words = {}
  for i, module in ipairs(modules) do words[i] = "'" .. module.source .. "'" end
  local ask = "stat -L --printf='%s %.9Y\\n' " .. table.concat(words, " ")
  local pipe <close> = assert(io.popen(ask))
  local found = {}
  for size, seconds, rest in pipe:read("a"):gmatch("(%d+) (%d+)%.(%d+)\n") do
    found[#found + 1] = {size = size, mtime_ns = seconds .. rest}
  end
  assert(#found == #modules, "stat has not seen every file")
  return found
end

--- "lua/moonsand/cli/run.lua" -> "moonsand.cli.run"
local function module_name(path)
  return (path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local list = {}

local function add(name, path, shown)
  list[#list + 1] = {name = name, source = path, path = shown}
end

--- The filter of system calls that most sandboxes have, as the core compiles it now: a module of
--- its own, for as long as what it was made of is the same (lua/moonsand/sandbox/filter.lua).
local function add_filter()
  local step = require("moonsand.sandbox.filter").step {}
  list[#list + 1] = {name = "moonsand.sandbox.ready", also = "moonsand.sandbox.filter",
    source = "lua/moonsand/sandbox/preset.lua", path = "moonsand/sandbox/preset.lua",
    text = ("return {[%q] = %q}"):format(step.name, step.program)}
end

add("start", "bin/start.lua", "../bin/start.lua")
for i = 2, #arg do
  local below = arg[i]:match "^lua/(.*)$"
  add(module_name(below), arg[i], below)
end
for _, name in ipairs {"argparse", "dkjson"} do
  local path = package.searchpath(name, package.path)
  if path and path:sub(1, 1) == "/" then add(name, path, path) end
end
add_filter()
table.sort(list, function(a, b) return a.name < b.name end) -- bin/moonsand.c looks by halves

local bin <close> = assert(io.open(directory .. "/bundle.bin", "wb"))
local header <close> = assert(io.open(directory .. "/bundle.h", "w"))
local at = 0
for i, state in ipairs(states(list)) do
  local module = list[i]
  local prefix = module.path:sub(1, 1) == "/" and "@" or "@lua/"
  local text = module.text or read(module.source)
  local code = slim(string.dump(assert(load(text, prefix .. module.path, "t"))))
  assert(bin:write(code))
  assert(header:write(("{\"%s\", \"%s\", %s, %sLL, %d, %d, %s},\n"):format(module.name,
    module.path, state.size, state.mtime_ns, at, #code,
    module.also and ('"%s"'):format(module.also) or "NULL")))
  at = at + #code
end
