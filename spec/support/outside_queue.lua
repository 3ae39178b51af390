--- What BitBake's scheduler ran (../shared/data/runqueue-cases.json), asked of the command: the
--- little layer as a build directory, `moonsand graph TARGET --json`.
---
---   lua5.4 spec/support/outside_queue.lua    make answers
---
--- moonsand has no setscene tasks: its own store knows what need not run. So where nothing could
--- be taken from a shared state, what ran must be the tasks of the graph, each after all that it
--- needs; where something could, what ran for real must be among them, in such an order. A task
--- that is the same as one of another configuration (`moonsand plan`), or that only such tasks
--- need, need not have run for real: of those that are the same BitBake must have run one.
--- Multiconfigs come from the environment, as they did then. Later calls of a case, where stamps
--- count, are asked only when they end in an error: so must ours, and for the same reason.
local answers = require "spec.recipe.answers"
local core = require "moonsand.core"
local host = require "spec.support.host"
local json = require "dkjson"
local order = require "moonsand.order"

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

-- The environment of a case: its variables, and that they may pass.
local function environment_of(run)
  local list, names = {}, {}
  for name, value in order.sorted(run.env or {}) do
    list[#list + 1] = ("%s='%s'"):format(name, value)
    names[#names + 1] = name
  end
  list[#list + 1] = ("BB_ENV_PASSTHROUGH_ADDITIONS='%s'"):format(table.concat(names, " "))
  return table.concat(list, " ")
end

local function command(run, verb)
  local out <close> = assert(io.popen(
    ("cd %s && env %s MOONSAND_DIR=%s/state BBPATH= %s/bin/moonsand %s %s --json 2>&1"):format(
      place.path, environment_of(run), place.path, here, verb, targets_of(run.cmd))))
  return out:read("a")
end

-- "mc:small:a:compile" was written down as "small:a:compile".
local function logged(name) return (name:gsub("^mc:", "")) end

-- The graph: the tasks in an order, with what they need.
local function ask(run)
  local answer = command(run, "graph")
  local graph = json.decode(answer)
  if not graph then return nil, answer end
  for _, task in ipairs(graph.tasks) do
    task.name = logged(task.name)
    for _, each in ipairs(task.needs) do each.task = logged(each.task) end
  end
  return graph
end

-- Tasks that are the same as one of another configuration, and which; and those that are not needed
-- then (false).
local function twins_of(run)
  local twins, answer = {}, command(run, "plan")
  for _, step in ipairs((json.decode(answer) or error(answer, 0)).tasks) do
    local other = (step.why or ""):match "^the same as (.*)$"
    if other then twins[logged(step.task)] = logged(other) end
    if step.state == "skipped" then twins[logged(step.task)] = false end
  end
  return twins
end

-- What is wrong with a run, or nil.
local function compare(run, tasks)
  local needs, ran = {}, {}
  for _, task in ipairs(tasks) do needs[task.name] = task.needs end
  for _, name in ipairs(run.tasks_run_in_log_order) do
    local setscene = name:match("^(.*)_setscene$")
    if not needs[setscene or name] then return name .. " is not in the graph" end
    ran[name] = true
  end
  if #run.sstate_valid > 0 then return nil end
  local twins = (run.env or {}).BBMULTICONFIG and twins_of(run) or {}
  for _, task in ipairs(tasks) do
    local twin = twins[task.name]
    if not ran[task.name] and twin ~= false and not ran[twin or ""] then
      return task.name .. " did not run, nor did the same one of another configuration"
    end
  end
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

-- What BitBake's errors are called here.
local errors = {{"non%-existent task (%S+:)(do_%w+)", "has no task '%s'"}}

-- What is wrong with a call that BitBake refused, or nil.
local function refused(run)
  local answer = command(run, "graph")
  for _, pair in ipairs(errors) do
    local _, task = run.output:match(pair[1])
    if task and answer:find(pair[2]:format(task), 1, true) then return nil end
  end
  return answer
end

local agreed, failed = 0, 0
for _, case in ipairs(data.cases) do
  local run = case.runs[1]
  local graph, wrong = ask(run)
  wrong = wrong or compare(run, graph.tasks) or misplaced(run, graph.tasks)
  for _, later in ipairs(case.runs) do
    if later.allow_failure then wrong = wrong or refused(later) end
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
