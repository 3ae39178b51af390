--- addfragments: configuration files that a variable names, as METADATA-LAYER/NAME, and values that
--- stand for themselves, as PREFIX/VALUE.
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local words = require("moonsand.text").words

local M = {}

-- "prefix:VARIABLE ..." -> prefix -> variable
local function builtins(text)
  local by = {}
  for _, word in ipairs(words(text)) do
    local prefix, variable = word:match("^([^:]*):(.*)$")
    if prefix then by[prefix] = variable end
  end
  return by
end

local function set_builtin(d, fragment, variable, value, statement, listed)
  if d:plain(variable) ~= nil then
    fault.throw("recipe", ("the fragment '%s' sets %s, which has a value already"):format(fragment,
      variable), {where = d:place(variable), reason = "syntax",
      hint = ("remove the assignment, or the fragment from %s"):format(listed)})
  end
  d:put(variable, value, {operator = "fragment", name = variable, text = value,
    file = statement.file, line = statement.line})
end

-- The file of a fragment, in the metadata layer that it names.
local function locate(reader, d, layer, path)
  local pattern = d:get("BBFILE_PATTERN_" .. layer)
  local root = pattern and find.unescaped(pattern)
  for _, directory in ipairs(words(d:get("BBLAYERS"))) do
    local file = find.clean(directory .. "/" .. path)
    if root and file:sub(1, #root) == root and reader.disk.kind(file) == "file" then return file end
  end
end

local function add_file(reader, d, fragment, prefix, statement, read)
  local layer, name = fragment:match("^([^/]*)/(.*)$")
  local path = layer and locate(reader, d, layer, d:expand(("%s/%s.conf"):format(prefix, name)))
  if not path then
    fault.throw("recipe", ("there is no fragment '%s'"):format(fragment), {
      where = ("%s:%d"):format(statement.file, statement.line), reason = "syntax",
      hint = ("a fragment is LAYER/NAME, the file LAYERDIR/%s/NAME.conf"):format(prefix)})
  end
  read(reader, d, path, statement)
end

--- addfragments PREFIX FRAGMENTS FLAGGED BUILTINS
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data
---@param statement moonsand.recipe.Statement
---@param read function   reads a file (parse.read)
function M.add(reader, d, statement, read)
  local prefix, listed, flagged, builtin = statement.text:match("^(%S+)%s+(%S+)%s*(%S*)%s*(%S*)")
  if not prefix or d:get("_BB_SKIP_FRAGMENTS") == "1" then return end
  local known = builtins(builtin ~= "" and d:get(builtin) or "")
  for _, fragment in ipairs(words(d:get(listed))) do
    local first, value = fragment:match("^([^/]*)/(.*)$")
    if known[first] then
      set_builtin(d, fragment, known[first], value, statement, listed)
    else
      add_file(reader, d, fragment, prefix, statement, read)
      for _, name in ipairs(words(flagged ~= "" and d:get(flagged) or "")) do
        d:set_flag(name, fragment, d:get(name) or false)
        d:put(name, nil, {operator = "fragment", name = name, file = statement.file,
          line = statement.line})
      end
    end
  end
end

return M
