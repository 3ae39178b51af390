--- Steps of the caller's own between those of the sandbox (option `steps`, `plan:insert`).
---
--- A plan has an order that its promises rest on, and no hook changes it: a step that makes the
--- world stands between the one that mounts / and `pivot`, so that nothing is made in the caller's
--- world and nothing is mounted once privileges are gone; a step about the program stands between
--- `chdir` and `exec`, and can only take away. What a plan has once is the sandbox's own.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local names = require "moonsand.sandbox.names"
local order = require "moonsand.order"

local M = {}

---@class moonsand.sandbox.Hook   {before = "pivot", {"mkdir", target = "/x"}, ...}
---@field before? string|fun(step: table, name: string): boolean   of several the first; or
---@field after? string|fun(step: table, name: string): boolean    of several the last
---@field [integer] table   steps

--- A step that a plan has once, and the options that say what is in it.
local own = {
  namespaces = "'network', 'share', 'join', 'isolation'", ids = "'ids', 'uid', 'gid'",
  cgroup = "'limits'", pivot = "'root'", watch = "'watch'", observe = "'observe'",
  capabilities = "'cap_add', 'cap_drop'", no_new_privileges = "none: it always holds",
  rlimit = "'limits'", fds = "'stdin', 'stdout', 'stderr'", exec = "'command', 'env'",
  hold = "'command'",
}

local about_program = {chdir = true, umask = true, landlock = true, seccomp = true}

local replaces_root = {bind = true, tmpfs = true, overlay = true, proc = true, dev = true}

local function wrong(message, hint)
  fault.throw("usage", "plan: " .. message, {hint = hint})
end

local function check_verb(verb)
  if type(verb) ~= "string" then wrong("a step begins with the verb's name") end
  if own[verb] then
    wrong(("a step '%s' cannot be put in: a plan has it once"):format(verb),
      "options that decide what is in it: " .. own[verb])
  end
  local verbs = core.verbs()
  if verbs[verb] then return end
  local near = fault.nearest(verb, order.keys(verbs))
  wrong(("unknown verb '%s'"):format(verb), near and ("did you mean '%s'?"):format(near))
end

--- What a hook may not undo.
local function check_meaning(step)
  local verb = step[1]
  if replaces_root[verb] and step.target == "/" then
    wrong(("a step '%s' on / hides what was mounted before it"):format(verb),
      "what / starts from is said by 'root', or by an overlay on /")
  end
  if verb ~= "proc" or core.uid() ~= 0 then return end
  if step.read_only == false then
    wrong("a writable /proc in a sandbox of root would let it change the host's kernel",
      "start it as an ordinary user")
  end
  step.read_only = true
end

--- A step as a table of its own, checked as far as can be without carrying it out.
local function checked(given)
  if type(given) ~= "table" then wrong("a step must be a table, not a " .. type(given)) end
  local step = {}
  for key, value in pairs(given) do step[key] = value end
  check_verb(step[1])
  for _, key in ipairs {"source", "upper", "work"} do
    if type(step[key]) == "string" and step[key]:sub(1, 1) ~= "/" then
      wrong(("%s: '%s' must be an absolute path, not '%s'"):format(step[1], key, step[key]))
    end
  end
  check_meaning(step)
  local ok, problem = pcall(core.check, step)
  if not ok then wrong((tostring(problem):gsub("^.*bad argument #%d+ to '%w+' ", ""))) end
  return step
end

local function check_anchor(hook)
  local anchor = hook.before
  if anchor == nil then anchor = hook.after end
  if anchor == nil or (hook.before ~= nil and hook.after ~= nil) then
    wrong("say either 'before' or 'after' which step",
      "{before = \"pivot\", {\"mkdir\", target = \"/x\"}}")
  end
  if type(anchor) ~= "string" and type(anchor) ~= "function" then
    wrong(("'%s' must be a step's name or a predicate, not a %s"):format(
      hook.before ~= nil and "before" or "after", type(anchor)))
  end
end

--- A hook as a table of its own.
---@param given moonsand.sandbox.Hook
---@return moonsand.sandbox.Hook
function M.check(given)
  if type(given) ~= "table" then wrong("a hook must be a table, not a " .. type(given)) end
  for key in order.sorted(given) do
    if math.type(key) ~= "integer" and key ~= "before" and key ~= "after" then
      local near = fault.nearest(tostring(key), {"before", "after"})
      wrong(("unknown key '%s' beside the steps"):format(tostring(key)),
        near and ("did you mean '%s'?"):format(near) or "'before' or 'after'")
    end
  end
  check_anchor(given)
  if #given == 0 then wrong("there is no step to put in") end
  local hook = {before = given.before, after = given.after}
  for i, step in ipairs(given) do hook[i] = checked(step) end
  return hook
end

--- The first and the last place where a step of a kind may stand.
local function bounds(steps, verb)
  local first, last, root
  for i, step in ipairs(steps) do
    if not root and replaces_root[step[1]] and step.target == "/" then root = i end
    if about_program[verb] then
      if step[1] == "chdir" then first = first or i + 1 end
      if step[1] == "exec" then last = i end
    elseif step[1] == "pivot" then
      first, last = root and root + 1, i
    end
  end
  return first, last
end

local function check_place(steps, verb, at)
  local first, last = bounds(steps, verb)
  if not first then
    wrong(("a step '%s' has no place in this plan"):format(verb),
      not about_program[verb] and "it needs isolation = \"namespaces\"" or nil)
  elseif at < first or at > last then
    local list = names.of(steps)
    wrong(("a step '%s' stands between '%s' and '%s', not %s '%s'"):format(verb, list[first - 1],
      list[last], at < first and "before" or "after", list[at < first and at or at - 1]),
      about_program[verb] and "before it the sandbox is being made"
        or "before it there is only the caller's world, after it nothing can be mounted")
  end
end

--- Does a plan of one kind have steps with this verb? A sandbox that is made for many programs has
--- two plans: its world's, and each program's.
local function belongs(verb, part)
  if part == "all" then return true end
  return (about_program[verb] == true) == (part == "program")
end

--- Put the steps of one hook in.
---@param steps table[]
---@param hook moonsand.sandbox.Hook   checked
---@param part? "all"|"world"|"program"   what of a sandbox the steps are; default "all"
function M.insert(steps, hook, part)
  local more = {}
  for _, step in ipairs(hook) do
    if belongs(step[1], part or "all") then more[#more + 1] = step end
  end
  if #more == 0 then return end
  local first, last = names.find(steps, hook.before or hook.after)
  local at = hook.before and first or last + 1
  for i, step in ipairs(more) do
    check_place(steps, step[1], at + i - 1)
    table.insert(steps, at + i - 1, step)
  end
end

return M
