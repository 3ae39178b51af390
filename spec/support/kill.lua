--- Builds that are killed at some moment and started again, against one that nobody disturbed. The
--- specs do it a few times; `make soak-builds` does it fifty times: lua spec/support/kill.lua COUNT
local core = require "moonsand.core"
local host = require "spec.support.host"
local json = require "dkjson"
local project = require "spec.support.project"

local M = {}

-- Five recipes, one above the other and beside each other; what they make is the same each round,
-- and what they are made from is not.
local function recipe(depends, round)
  return ([[
DEPENDS = "%s"
ROUND = "%d"
do_compile() {
    : ${ROUND}
    for i in 1 2 3 4; do echo "$i" >part$i; sleep 0.02; done
}
do_install() {
    install -d "${D}${includedir}"
    cat part* >"${D}${includedir}/${PN}.h"
}
]]):format(depends, round)
end

local above = {a = "", b = "a", c = "a", d = "b c", e = ""}

local function write(here, round)
  for name, depends in pairs(above) do
    here:write {[("%s/%s_1.bb"):format(name, name)] = recipe(depends, round)}
  end
end

-- In a process of its own, as the driver of a build is.
local code = [[
  local here = require "spec.support.project".at(%q)
  local builder <close> = here:builder {jobs = 2, emit = function() end}
  local summary = builder:run {"d", "e"}
  local trees = {ok = summary.ok}
  for task, record in pairs(summary.results) do
    for name, digest in pairs(record.trees) do trees[task .. " " .. name] = digest end
  end
  print(require "dkjson".encode(trees))
]]

local function start(here, out)
  return host.start({"lua5.4", "-e", code:format(here.path)}, {[0] = 0, [1] = out, [2] = 2})
end

local function finish(here)
  local reader <close>, writer = assert(core.pipe())
  local process <close> = start(here, writer)
  writer:close()
  local text = host.drain(reader)
  core.poll {{fd = process}}
  return json.decode(text)
end

-- Kill one after some seconds; true when it was still running.
local function disturb(here, seconds)
  local null <close> = assert(core.open("/dev/null", "r+"))
  local process = start(here, null)
  core.poll({{fd = process}}, seconds)
  local ended = process:wait()
  process:kill "KILL"
  core.poll {{fd = process}}
  process:close()
  return not ended
end

local function names(path)
  local list = core.readdir(path) or {}
  table.sort(list)
  return list
end

local TRIES <const> = 5

-- What a killed driver may have left: nothing of this may be there after the next build. What is in
-- the trash is deleted while tasks run, and may not all be gone by the end of a short one.
local function leftovers(here)
  local left = {}
  for _, folder in ipairs {"store/tmp", "store/quarantine"} do
    for _, name in ipairs(names(here.path .. "/" .. folder)) do
      left[#left + 1] = folder .. "/" .. name
    end
  end
  for _, name in ipairs(names(here.path .. "/build")) do
    if name:find "^jobs%." then left[#left + 1] = "build/" .. name end
  end
  for _, pid in ipairs(host.processes(here.path)) do left[#left + 1] = "process " .. pid end
  if host.mountinfo():find(here.path, 1, true) then left[#left + 1] = "a mount" end
  return left
end

---@class spec.Kills
---@field killed integer       builds that were killed while they ran
---@field wrong string[]       digests that are not those of the undisturbed build
---@field leftovers string[]

--- Disturb builds at moments of `random`, a number from 0 to 1, until `count` of them were killed.
--- A build that had ended before its moment does not count.
---@param count integer
---@param random fun(): number
---@return spec.Kills
function M.run(count, random)
  local calm, here = project.new(), project.new()
  write(calm, 0)
  local began = core.clock()
  local wanted = finish(calm)
  local most = core.clock() - began
  calm:close()
  local result = {killed = 0, wrong = {}, leftovers = {}}
  local round = 0
  while result.killed < count and round < TRIES * count do
    round = round + 1
    write(here, round)
    if disturb(here, most * random()) then result.killed = result.killed + 1 end
    began = core.clock()
    local found = finish(here)
    most = core.clock() - began
    for name, digest in pairs(wanted) do
      if found[name] ~= digest then table.insert(result.wrong, name) end
    end
  end
  result.leftovers = leftovers(here)
  here:close()
  return result
end

if arg and arg[0] and arg[0]:find "kill%.lua$" then
  local seed = math.tointeger(arg[2]) or core.time_ns()
  math.randomseed(seed)
  local result = M.run(math.tointeger(arg[1]) or 50, math.random)
  print(("seed %d: %d builds were killed, %d wrong digests, %d leftovers"):format(seed,
    result.killed, #result.wrong, #result.leftovers))
  for _, name in ipairs(result.wrong) do print("wrong: " .. name) end
  for _, name in ipairs(result.leftovers) do print("left: " .. name) end
  os.exit(#result.wrong + #result.leftovers == 0)
end

return M
