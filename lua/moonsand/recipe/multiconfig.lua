--- Names across configurations: "mc:small:zlib" is the recipe zlib of the configuration "small",
--- one of BBMULTICONFIG; the main configuration is called "", and need not be said.
local M = {}

--- The configuration that a name is of, and the rest of it. "multiconfig:" is how it was once
--- written.
---@param text string   "mc:small:zlib:compile", "mc::zlib", "zlib"
---@return string configuration   "small", "", ""
---@return string rest            "zlib:compile", "zlib", "zlib"
function M.split(text)
  local configuration, rest = text:match "^mc:([^:]*):(.+)$"
  if not configuration then configuration, rest = text:match "^multiconfig:([^:]*):(.+)$" end
  if not configuration then return "", text end
  return configuration, rest
end

--- The name of what a configuration has.
---@param configuration? string   nil, or "": the main one
---@param rest string
---@return string
function M.join(configuration, rest)
  if not configuration or configuration == "" then return rest end
  return ("mc:%s:%s"):format(configuration, rest)
end

--- The name of a recipe.
---@param recipe moonsand.recipe.Recipe
---@return string
function M.name(recipe)
  return M.join(recipe.configuration, recipe.name)
end

--- What a name is in a configuration: there its own names are short. Equal recipes of two
--- configurations call what they need alike.
---@param configuration? string
---@param name string   "mc:small:zlib:compile"
---@return string       "zlib:compile" in "small", "mc::zlib:compile" in "large" of "zlib:compile"
function M.relative(configuration, name)
  local other, rest = M.split(name)
  if other == (configuration or "") then return rest end
  return ("mc:%s:%s"):format(other, rest)
end

--- The whole name of what is called so in a configuration: the way back from `relative`.
---@param configuration? string
---@param name string
---@return string
function M.absolute(configuration, name)
  local other, rest = M.split(name)
  if rest ~= name then return M.join(other, rest) end
  return M.join(configuration, name)
end

return M
