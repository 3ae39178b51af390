--- `moonsand cache export|import|pin|unpin|protect`: a result that goes to another store, what a
--- collection must not take, and what nobody can write to.
local fault = require "moonsand.fault"
local project = require "moonsand.cli.project"

local M = {}

local function words(args, ...)
  local wanted, given = {...}, args.words or {}
  if #given ~= #wanted then
    fault.throw("usage", ("'cache %s' takes %s"):format(args.what, table.concat(wanted, " ")),
      {hint = ("moonsand cache %s %s"):format(args.what, table.concat(wanted, " "))})
  end
  return table.unpack(given)
end

local function store_of(ui, args)
  return require "moonsand.layer".open(project.place(ui, args.state) .. "/store")
end

local function show(ui, args, fields, keys, text)
  if not args.json then return ui:print(text, "\n") end
  ui:print(require "dkjson".encode(fields, {indent = true, keyorder = keys}), "\n")
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.export(args, ui)
  local task, file = words(args, "TASK", "FILE")
  file = project.absolute(file)
  local builder <close> = project.builder(ui, {state = args.state})
  local closure = builder:closure(task)
  local bytes = builder.store:export(closure, file)
  show(ui, args, {task = closure.task, file = file, bytes = bytes, trees = #closure.trees,
    layers = #closure.layers}, {"task", "file", "bytes", "trees", "layers"},
    ("%s: %d trees, %d work layers, %d bytes"):format(file, #closure.trees, #closure.layers, bytes))
  return 0
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.import(args, ui)
  local file = words(args, "FILE")
  local store <close> = store_of(ui, args)
  local report = store:import(project.absolute(file))
  show(ui, args, report, {"task", "trees", "layers", "records"},
    ("%s: %d trees, %d work layers, %d records are new"):format(report.task, report.trees,
      report.layers, report.records))
  return 0
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.pin(args, ui)
  local name, task = words(args, "NAME", "TASK")
  local builder <close> = project.builder(ui, {state = args.state})
  local digests = builder:pin(name, task)
  show(ui, args, {name = name, task = task, digests = digests}, {"name", "task", "digests"},
    ("%s: %s stays, %d trees and work layers"):format(name, task, #digests))
  return 0
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.unpin(args, ui)
  local name = words(args, "NAME")
  local store <close> = store_of(ui, args)
  local pins, found = store:pins(), false
  for _, other in ipairs(pins) do found = found or other == name end
  if not found then
    fault.throw("usage", ("there is no pin '%s'"):format(name),
      {hint = "pins: " .. table.concat(pins, " ")})
  end
  store:pin(name, {})
  show(ui, args, {name = name}, {"name"}, name .. ": what it named may be collected")
  return 0
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.protect(args, ui)
  local word = words(args, "on|off")
  if word ~= "on" and word ~= "off" then
    fault.throw("usage", ("'cache protect %s': it is 'on' or 'off'"):format(word))
  end
  local store <close> = store_of(ui, args)
  store:protect(word == "on")
  show(ui, args, {protects = store:protects()}, {"protects"}, word == "on"
    and "the files of what is published from now on are protected by fs-verity"
    or "what is published from now on is not protected by fs-verity")
  return 0
end

return M
