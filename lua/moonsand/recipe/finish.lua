--- The end of a recipe: deferred classes, names of variables, anonymous functions, tasks, variants.
local class = require "moonsand.recipe.class"
local event = require "moonsand.recipe.event"
local fault = require "moonsand.fault"
local lua = require "moonsand.recipe.lua"
local parse = require "moonsand.recipe.parse"
local python = require "moonsand.recipe.python"
local task = require "moonsand.recipe.task"

local M = {}

local function run_anonymous(d)
  for i, statement in ipairs(d.state.anonymous or {}) do
    if statement.language == "lua" then
      lua.run(d, statement.text, statement.file, statement.line)
    elseif d.python then
      d.python:run(d, ("__anon_%d"):format(i), statement.file, statement.line, statement.text)
    else
      fault.throw("recipe", "an anonymous python function needs Python", {
        where = ("%s:%d"):format(statement.file, statement.line), hint = python.hint,
        reason = "python",
      })
    end
  end
end

-- Read the classes that were deferred, in order, until none is left.
local function inherit_deferred(reader, d)
  local waiting = class.next_deferred(d)
  while waiting do
    parse.inherit(reader, d, waiting.text, waiting.statement, true)
    waiting = class.next_deferred(d)
  end
end

local function finalise(reader, d, file)
  local waiting = {}
  for i, each in ipairs(d.state.deferred or {}) do waiting[i] = each.text end
  event.fire(d, "bb.event.RecipePreDeferredInherits", file, waiting[1] and waiting or {""})
  inherit_deferred(reader, d)
  event.register(d, d.state.registered)
  event.fire(d, "bb.event.RecipePreFinalise", file)
  d:expand_keys()
  event.fire(d, "bb.event.RecipePostKeyExpansion", file)
  run_anonymous(d)
  event.fire(d, "bb.event.RecipeTaskPreProcess", file, {table.unpack(d.state.tasks or {})})
  task.map_virtual(d)
  d.state.collected = task.collect(d)
  event.fire(d, "bb.event.RecipeParsed", file)
end

--- Finish one store. A recipe that skips itself keeps the reason in `d.state.skipped`.
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data
---@param file string
function M.finalise(reader, d, file)
  local ok, problem = pcall(finalise, reader, d, file)
  if ok then return end
  if not (fault.is(problem) and problem.reason == "skip") then error(problem, 0) end
  d.state.skipped = problem.message
  d.state.collected = d.state.collected or task.collect(d)
end

-- What BBCLASSEXTEND's word says: the class, and the argument after the colon.
local function extend(d, word, name, file)
  local class_name, argument = word:match("^([^:]*):([^:]*)")
  if class_name then
    d:set("BBEXTENDCURR", class_name)
    d:set("BBEXTENDVARIANT", argument)
  else
    d:set("PN", (name or "") .. "-" .. word)
  end
  class.defer(d, class_name or word, {file = file, line = 0})
end

--- All stores of a recipe: the plain one under "", one for each word of BBCLASSEXTEND.
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data       after the recipe's statements
---@param file string
---@return table<string, moonsand.recipe.Data> stores, string[] variants  in order, "" first
function M.recipe(reader, d, file)
  local plain = d:copy()
  M.finalise(reader, plain, file)
  local stores, order = {[""] = plain}, {""}
  local words = plain:get("BBCLASSEXTEND") or ""
  for word in words:gmatch("%S+") do
    if not stores[word] then
      local variant = d:copy()
      variant:set("BBCLASSEXTEND", words)
      extend(variant, word, plain:get("PN"), file)
      M.finalise(reader, variant, file)
      stores[word] = variant
      order[#order + 1] = word
    end
  end
  return stores, order
end

return M
