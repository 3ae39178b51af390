--- What a task was going to be made from, kept by its intent key: the text of the signature, and
--- for each entry the place where it is written. Two of these are all that "why" needs.
local multiconfig = require "moonsand.recipe.multiconfig"
local order = require "moonsand.order"
local signature = require "moonsand.build.signature"
local variables = require "moonsand.build.variables"

local M = {}

local PREFIX <const> = "intent."

local function of_source(node, name)
  local file = name:match "^%l+ (.*)$" or name
  for _, source in ipairs(node.sources or {}) do
    if source.file == file then return source.path or source.checksum_where end
  end
end

local function of_input(node, label)
  local name = multiconfig.absolute(node.recipe.configuration, label)
  for _, edge in ipairs(node.needs) do
    if edge.node.name == name then return node.graph:where(node, edge) end
  end
end

local function of_variable(node, name)
  return variables.of(node):place(name)
end

local finders = {
  variable = of_variable, value = of_variable, export = of_variable, ["function"] = of_variable,
  source = of_source, order = of_source, fetch = of_source, input = of_input,
}

function finders.flag(node, name)
  return variables.of(node):flag_place(node.task, name)
end

function finders.listing(node)
  return node.sources and node.sources[1] and node.sources[1].where
end

--- Where an entry of a node's signature is written; nil for what is in no file.
---@param node moonsand.build.Node
---@param kind string
---@param name string
---@return string? where   "file:line"
function M.place(node, kind, name)
  return finders[kind] and finders[kind](node, name)
end

-- "kind\tname\tplace" a line, below an empty line that no signature has.
local function places_text(node, text)
  local lines = {}
  for name in order.sorted(signature.parse(text)) do
    local kind, label = signature.split(name)
    local place = M.place(node, kind, label)
    if place and kind ~= "input" then lines[#lines + 1] = name .. "\t" .. place end
  end
  return table.concat(lines, "\n")
end

--- Keep it, when the store has it not yet.
---@param store moonsand.Store
---@param node moonsand.build.Node
function M.keep(store, node)
  if store:record("log", PREFIX .. node.intent) then return end
  local text = signature.intent(node)
  store:put_record("log", PREFIX .. node.intent,
    ("%s\n%s\n"):format(text, places_text(node, text)))
end

---@class moonsand.build.Intent
---@field text string                    of the signature
---@field places table<string, string>   "kind\tname", as in the text -> "file:line"

--- What was kept under an intent key.
---@param store moonsand.Store
---@param key string
---@return moonsand.build.Intent?
function M.find(store, key)
  local record = store:record("log", PREFIX .. key)
  local text, rest = (record or ""):match "^(.-\n)\n(.*)$"
  if not text then return nil end
  local places = {}
  for name, place in rest:gmatch "([^\t\n]*\t[^\t\n]*)\t([^\n]*)\n" do places[name] = place end
  return {text = text, places = places}
end

--- The place of an entry when only the node is known, under the name that `find` uses.
---@param node moonsand.build.Node
---@return moonsand.build.Intent
function M.of(node)
  local places = setmetatable({}, {__index = function(_, name)
    return M.place(node, signature.split(name))
  end})
  return {text = signature.intent(node), places = places}
end

return M
