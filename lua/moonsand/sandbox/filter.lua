--- Which system calls the program may make: from the options `seccomp`, `nested`, `fsync` and
--- `chown` to one step of the plan.
local lazy = require "moonsand.lazy"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local order = require "moonsand.order"
local preset = lazy "moonsand.sandbox.preset"

local M = {}

---@class moonsand.sandbox.Seccomp
---@field preset? "build"|"none"   what it starts from (default "build")
---@field default? string   what happens to all other calls (default "allow")
---@field allow? string[]   names, or groups such as "@mount": the preset lets them through
---@field deny? table<integer|string, string>   names (the answer is EPERM), or name = action
---@field rules? table[]    {action, name, ..., when = {{argument, comparison, value, mask}}}

local keys = {preset = "string", default = "string", allow = "table", deny = "table",
  rules = "table"}
local presets = {build = true, none = true}
local choices = {
  fsync = {on = true, off = true},
  chown = {real = true, ignore = true, error = true},
}

local function wrong(message, hint)
  fault.throw("usage", "sandbox: " .. message, {hint = hint})
end

local function suggestion(word, known)
  local near = type(word) == "string" and fault.nearest(word, order.keys(known))
  return near and ("did you mean '%s'?"):format(near) or nil
end

local function check_choice(what, value, known)
  if known[value] then return end
  wrong(("%s is '%s'; it may be %s"):format(what, tostring(value),
    table.concat(order.keys(known), " or ")), suggestion(value, known))
end

--- The calls of "@mount"; nil for a word that is no group.
---@param word string
---@return string[]?
local function group(word)
  if word:sub(1, 1) ~= "@" then return nil end
  local known = {}
  for _, one in ipairs(preset.groups) do
    known["@" .. one.name] = true
    if "@" .. one.name == word then
      local names = {}
      for _, rule in ipairs(one.rules) do table.move(rule, 2, #rule, #names + 1, names) end
      return names
    end
  end
  wrong(("seccomp: unknown group '%s'"):format(word),
    suggestion(word, known) or "there are " .. table.concat(order.keys(known), ", "))
end

--- Names and groups as names; an unknown one is refused unless it is marked as "name?".
local function names_of(what, list)
  local names = {}
  for _, word in ipairs(list) do
    if type(word) ~= "string" then wrong(("seccomp.%s must be a list of names"):format(what)) end
    local known, near = true, nil
    local members = group(word)
    if not members and word:sub(-1) ~= "?" then known, near = core.syscall_number(word) end
    if not known then
      wrong(("seccomp.%s: unknown system call '%s'"):format(what, word),
        near and ("did you mean '%s'?"):format(near)
          or ("write '%s?' when it may be missing"):format(word))
    end
    table.move(members or {word}, 1, #(members or {word}), #names + 1, names)
  end
  return names
end

local function add_named(rules, action, names)
  if #names > 0 then rules[#rules + 1] = {action, table.unpack(names)} end
end

--- deny = {"name", ..., name = "action"}
local function add_denied(rules, deny)
  add_named(rules, "EPERM", names_of("deny", deny))
  for name, action in order.sorted(deny) do
    if type(name) == "string" then add_named(rules, action, names_of("deny", {name})) end
  end
end

--- A rule without the names that are let through.
local function without(rule, allowed)
  if not next(allowed) then return rule end
  local own = {rule[1], when = rule.when}
  for i = 2, #rule do
    if not allowed[rule[i]] then own[#own + 1] = rule[i] end
  end
  return #own > 1 and own or nil
end

local function add_preset(rules, nested, allow)
  local allowed = {}
  for _, name in ipairs(allow) do allowed[name:gsub("%?$", "")] = true end
  for _, one in ipairs(preset.groups) do
    for _, rule in ipairs(nested and one.nested and {} or one.rules) do
      rules[#rules + 1] = without(rule, allowed)
    end
  end
end

local function append(rules, more)
  table.move(more or {}, 1, #(more or {}), #rules + 1, rules)
end

--- The first rule that names a call and whose conditions hold decides; so the caller's own come
--- first.
local function policy(given, options)
  local rules, from = {}, given.preset or "build"
  local allow = names_of("allow", given.allow or {})
  append(rules, given.rules)
  append(rules, options.fsync == "off" and preset.fsync_off)
  append(rules, preset.chown[options.chown])
  if options.isolation == "filters" and options.network == "none" then
    append(rules, preset.no_sockets)
  end
  add_denied(rules, given.deny or {})
  if from == "build" then add_preset(rules, options.nested, allow) end
  add_named(rules, "allow", allow)
  local default = given.default or "allow"
  local newer = from == "build" and default == "allow" and "ENOSYS" or default
  return {default = default, unknown = newer, rules = rules}
end

local function compiled(what)
  local ok, program = pcall(core.filter, what)
  if ok then return program end
  wrong((tostring(program):gsub("^filter: ", "seccomp: ")), "see docs/filters.md")
end

local function title(options)
  local given = options.seccomp or "build"
  local from = type(given) == "table" and (given.preset or "build") .. " and own rules" or given
  local parts = {from}
  if options.nested then parts[#parts + 1] = "nested" end
  if options.fsync == "off" then parts[#parts + 1] = "fsync off" end
  if options.chown and options.chown ~= "real" then
    parts[#parts + 1] = "chown " .. options.chown
  end
  if options.isolation == "filters" and options.network == "none" then
    parts[#parts + 1] = "no sockets"
  end
  return table.concat(parts, ", ")
end

local cache ---@type table<string, string>   the program of a preset, by its title

--- The command brings the commonest one with it (bin/bundle.lua); Lua alone has to compile it.
local function ready()
  return package.preload["moonsand.sandbox.ready"] and require "moonsand.sandbox.ready" or {}
end

local function check(options)
  for key, known in order.sorted(choices) do
    if options[key] ~= nil then check_choice(("'%s'"):format(key), options[key], known) end
  end
  local given = options.seccomp
  if type(given) ~= "table" then
    if given ~= nil then check_choice("'seccomp'", given, presets) end
    return
  end
  for key, value in order.sorted(given) do
    if not keys[key] then
      wrong(("unknown key '%s' in 'seccomp'"):format(tostring(key)), suggestion(key, keys))
    elseif type(value) ~= keys[key] then
      wrong(("seccomp.%s must be a %s, not a %s"):format(key, keys[key], type(value)))
    end
  end
  check_choice("seccomp.preset", given.preset or "build", presets)
end

--- The step for checked options, or nil when nothing is filtered. Raises a fault for a policy that
--- cannot be. A preset is compiled once in a process.
---@param options table
---@return table? step
function M.step(options)
  check(options)
  local given, name = options.seccomp or "build", title(options)
  if name == "none" then return nil end
  if type(given) == "table" then
    return {"seccomp", program = compiled(policy(given, options)), name = name}
  end
  cache = cache or ready()
  cache[name] = cache[name] or compiled(policy({preset = given}, options))
  return {"seccomp", program = cache[name], name = name}
end

return M
