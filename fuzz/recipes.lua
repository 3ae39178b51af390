--- Mutated recipes through the reader: each gives values or a fault; never another error, more than
--- a second, or more memory than allowed. `lua fuzz/recipes.lua COUNT [SEED [FIRST]]` prints the
--- seed; an input is named by seed and number. Answers of BitBake's beside the checkout, when there
--- are any, are mutated as well as the recipes that ship.
local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local finish = require "moonsand.recipe.finish"
local mutator = require "fuzz.mutator"
local parse = require "moonsand.recipe.parse"
local recipe = require "moonsand.recipe"

local M = {}

local SECONDS <const> = 1
local MEMORY <const> = 256 << 10 -- KiB
local INTERVAL <const> = 100000 -- instructions between two looks at clock and memory

-- Everything that can be asked of a store.
local function use(d, ask)
  for _, name in ipairs(d:names()) do
    ask(d.get, d, name)
    ask(d.flags, d, name)
    if d:raw_flag(name, "func") then ask(recipe.dependencies, d, name) end
  end
  for i, task in ipairs(d.state.collected or {}) do
    if i > 3 then break end
    ask(function() recipe.references(recipe.task_data(d, task.name), task.name) end)
  end
end

local function read(sample, ask)
  local reader, d = parse.reader(mutator.disk(sample)), data.new()
  d:put("BBPATH", sample.bbpath)
  d = d:copy()
  parse.read(reader, d, sample.main)
  local stores = {[""] = d}
  if not sample.main:find("%.conf$") then stores = finish.recipe(reader, d, sample.main) end
  for _, store in pairs(stores) do use(store, ask) end
end

--- Read one input; what is wrong with how that went, or nil.
---@param sample fuzz.Sample
---@return string? problem
function M.judge(sample)
  local started, base, problem = os.clock(), collectgarbage "count", nil
  local function look()
    if os.clock() - started > SECONDS then
      problem = problem or debug.traceback(("more than %d s"):format(SECONDS), 2)
    elseif collectgarbage "count" - base > MEMORY then
      problem = problem or debug.traceback("too much memory", 2)
    end
    if problem then error("ended by the fuzzer", 0) end
  end
  local function ask(run, ...)
    local ok, err = xpcall(run, fault.traced, ...)
    if not ok and not fault.is(err) then problem = problem or err end
  end
  debug.sethook(look, "", INTERVAL)
  ask(read, sample, ask)
  debug.sethook()
  pcall(look)
  return problem
end

local function answers()
  local directory, list = "../shared/data", {}
  if not core.stat(directory) then return list end
  local load = require("spec.recipe.answers").load
  for _, case in ipairs(load(directory .. "/directed.json")) do
    local files = {}
    for name, text in pairs(case.files) do files["/ROOT/" .. name] = text end
    local main = find.clean("/ROOT/" .. case.main)
    if files[main] then
      list[#list + 1] = {files = files, main = main, bbpath = "/ROOT"}
    end
  end
  for _, name in ipairs {"fuzz.jsonl.gz", "tasks-fuzz.jsonl.gz"} do
    for i, case in ipairs(load(directory .. "/" .. name)) do
      local path = ("/ROOT/%s.%s"):format(i, name:find "tasks" and "bb" or "conf")
      if case.text then
        list[#list + 1] = {files = {[path] = case.text}, main = path, bbpath = "/ROOT"}
      end
    end
  end
  return list
end

--- The samples that are mutated.
---@return fuzz.Sample[]
function M.samples()
  local samples, more = mutator.shipped "recipes", answers()
  -- As often a recipe that ships as an answer.
  local shipped = #samples
  while #samples < #more do table.move(samples, 1, shipped, #samples + 1) end
  return table.move(more, 1, #more, #samples + 1, samples)
end

--- Run inputs; what was found is given to `report`.
---@param samples fuzz.Sample[]
---@param count integer
---@param seed integer
---@param first integer
---@param report fun(i: integer, problem: string, sample: fuzz.Sample)
---@return integer found
function M.run(samples, count, seed, first, report)
  local found = 0
  for i = first, first + count - 1 do
    local sample = mutator.input(samples, seed, i)
    local problem = M.judge(sample)
    if problem then
      found = found + 1
      report(i, problem, sample)
    end
  end
  return found
end

local function main(count, seed, first)
  io.stdout:setvbuf "line"
  print(("seed %d, inputs %d to %d"):format(seed, first, first + count - 1))
  local samples, started, found = M.samples(), os.clock(), 0
  local step = 10000
  for at = first, first + count - 1, step do
    found = found + M.run(samples, math.min(step, first + count - at), seed, at,
      function(i, problem, sample)
        print(("input %d of seed %d (%s): %s"):format(i, seed, sample.main, problem))
      end)
    if count > step then
      print(("%d done, %d found, %.0f s, %.0f MiB"):format(at + step - first, found,
        os.clock() - started, collectgarbage "count" / 1024))
    end
  end
  print(("%d inputs, %d found, %.0f s"):format(count, found, os.clock() - started))
  os.exit(found == 0)
end

if arg and arg[0] and arg[0]:find "fuzz/recipes.lua$" then
  main(tonumber(arg[1] or 10000) // 1, tonumber(arg[2] or os.time()) // 1,
    tonumber(arg[3] or 1) // 1)
end

return M
