--- What BitBake's scheduler ran (../shared/data/runqueue-cases.json), asked of the command: the
--- little layer as a build directory, `moonsand graph TARGET --json`.
---
---   lua5.4 spec/support/outside_queue.lua    make answers
---
--- moonsand has no setscene tasks: its own store knows what need not run. So where nothing could be
--- taken from a shared state, what ran must be the tasks of the graph, each after all that it
--- needs; where something could, what ran for real must be among them, in such an order.
--- Multiconfigs (`mc:`) must be refused. Later calls of a case, where stamps count, are not asked.
local answers = require "spec.recipe.answers"
local core = require "moonsand.core"
local host = require "spec.support.host"
local json = require "dkjson"

local directory = answers.directory() or error("which directory has the answers?", 0)
local here = assert(core.realpath("."))
local data = answers.load(directory .. "/runqueue-cases.json")
local place <close> = host.scratch()

for name, text in pairs(data.layer) do place:file(name, text) end
place:file("conf/bblayers.conf", 'BBPATH = "${TOPDIR}"\nBBLAYERS = ""\n')

-- {"bitbake", "a1", "-c", "patch"} -> "a1:patch"
local function targets_of(words)
  local list, task, i = {}, nil, 2
  while words[i] do
    if words[i] == "-c" then
      task, i = words[i + 1], i + 1
    elseif words[i]:sub(1, 1) ~= "-" then
      list[#list + 1] = words[i]
    end
    i = i + 1
  end
  for j, name in ipairs(list) do list[j] = task and name .. ":" .. task or name end
  return table.concat(list, " ")
end

local function ask(run)
  local words = targets_of(run.cmd)
  local out <close> = assert(io.popen(("cd %s && MOONSAND_DIR=%s/state BBPATH= %s/bin/moonsand " ..
    "graph %s --json 2>&1"):format(place.path, place.path, here, words)))
  return out:read("a")
end

-- What is wrong with a run, or nil.
local function compare(run, tasks)
  local needs, count = {}, 0
  for _, task in ipairs(tasks) do needs[task.name], count = task.needs, count + 1 end
  local ran = 0
  for _, name in ipairs(run.tasks_run_in_log_order) do
    local setscene = name:match("^(.*)_setscene$")
    if not needs[setscene or name] then return name .. " is not in the graph" end
    if not setscene then ran = ran + 1 end
  end
  if #run.sstate_valid > 0 then return nil end
  if ran ~= count then return ("%d tasks ran, the graph has %d"):format(ran, count) end
end

-- Each task after those that it needs, as far as they ran.
local function misplaced(run, tasks)
  local position = {}
  for i, name in ipairs(run.tasks_run_in_log_order) do
    position[name:match("^(.*)_setscene$") or name] = i
  end
  for _, task in ipairs(tasks) do
    local own = position[task.name]
    for _, each in ipairs(task.needs) do
      local other = position[each.task]
      local real = own and run.tasks_run_in_log_order[own] == task.name
      if real and other and other > own then
        return ("%s ran before %s"):format(task.name, each.task)
      end
    end
  end
end

local agreed, failed = 0, 0
for _, case in ipairs(data.cases) do
  local run = case.runs[1]
  local answer = ask(run)
  local wrong
  if case.id:find("multiconfig", 1, true) then
    wrong = not answer:find("is of a multiconfig, which builds do not know", 1, true) and answer
  else
    local graph = json.decode(answer)
    wrong = graph and (compare(run, graph.tasks) or misplaced(run, graph.tasks)) or
      not graph and answer
  end
  if wrong then
    failed = failed + 1
    print(("runqueue-cases.json %s: %s"):format(case.id, wrong))
  else
    agreed = agreed + 1
  end
end
print(("%-20s %4d of %d agree in their first call"):format("runqueue-cases.json", agreed,
  agreed + failed))
os.exit(failed > 0 and 1 or 0, true)
