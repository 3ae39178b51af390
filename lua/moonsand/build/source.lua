--- SRC_URI: which sources a recipe names, what they must hash to, where the local ones lie.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"

local M = {}

---@class moonsand.build.Source
---@field url string        as the recipe spells it, without parameters
---@field scheme string     "https", "http", "debian" or "file"
---@field file string       its name in the download directory and in the sandbox
---@field how string        "archive", "patch" or "file"
---@field sha256 string     64 hex digits
---@field path? string      file://: where it was found
---@field debian? string    the Debian source package whose archive may stand in
---@field subdir? string    where to unpack it, relative to the source directory
---@field strip integer     leading path components that `patch` drops
---@field where string      "file:line" of SRC_URI
---@field checksum_where string  "file:line" of the checksum

local parameters = {
  "apply", "debian", "downloadfilename", "name", "sha256sum", "striplevel", "subdir", "unpack",
}

local archives = {
  "%.tar$", "%.tar%.%w+$", "%.tgz$", "%.tbz2?$", "%.txz$", "%.tzst$",
}

local schemes = {"https", "http", "debian", "file"}

local function known(name, names)
  for _, other in ipairs(names) do
    if other == name then return true end
  end
  return false
end

local function parse_parameters(text, url, where)
  local found = {}
  for word in text:gmatch "[^;]+" do
    local name, value = word:match "^([%w_]+)=(.*)$"
    if not name or not known(name, parameters) then
      local near = fault.nearest(name or word, parameters)
      fault.throw("recipe", ("'%s' in SRC_URI has the unknown parameter '%s'"):format(url, word), {
        where = where,
        hint = near and ("did you mean '%s='?"):format(near)
          or "known are: " .. table.concat(parameters, " "),
      })
    end
    found[name] = value
  end
  return found
end

local function split(word, where)
  local url, rest = word:match "^([^;]+);?(.*)$"
  local scheme, path = (url or word):match "^(%w[%w+.-]*)://(.+)$"
  if not scheme then
    fault.throw("recipe", ("'%s' in SRC_URI is no URL"):format(word),
      {where = where, hint = "write 'https://...', or 'file://NAME' for a file beside the recipe"})
  end
  if not known(scheme, schemes) then
    fault.throw("recipe", ("SRC_URI: moonsand cannot fetch '%s://'"):format(scheme),
      {where = where, hint = "it can: https:// http:// debian://PACKAGE/FILE file://"})
  end
  return url, scheme, path, parse_parameters(rest, url, where)
end

local function kind_of(file, given)
  if given.unpack == "0" or given.unpack == "no" then return "file" end
  if file:find "%.patch$" or file:find "%.diff$" then
    return (given.apply == "no" or given.apply == "0") and "file" or "patch"
  end
  for _, pattern in ipairs(archives) do
    if file:find(pattern) then return "archive" end
  end
  return "file"
end

-- A checksum is a parameter of the URL or a flag: SRC_URI[sha256sum], SRC_URI[name.sha256sum].
local function checksum(recipe, source, given)
  local flag = given.name and given.name .. ".sha256sum" or "sha256sum"
  local value = given.sha256sum or recipe.data:flag("SRC_URI", flag)
  source.checksum_where = given.sha256sum and source.where
    or graph.place(recipe, "SRC_URI", nil, flag)
  if not value then
    fault.throw("recipe", ("'%s' has no checksum"):format(source.url), {
      where = source.where,
      hint = ('add the line: SRC_URI[%s] = "..." with the SHA-256 that its makers publish, or what '
        .. "`sha256sum %s` prints"):format(flag, source.file),
    })
  end
  value = value:lower()
  if not value:find "^%x+$" or #value ~= 64 then
    fault.throw("recipe", ("SRC_URI[%s] is '%s', which is no SHA-256"):format(flag, value),
      {where = source.checksum_where, hint = "it has 64 hexadecimal digits"})
  end
  return value
end

local function search_path(recipe)
  local text = recipe.data:get "FILESPATH"
  local directories = {}
  if text then
    for directory in text:gmatch "[^:]+" do directories[#directories + 1] = directory end
  else
    local here = recipe.file:match "^(.*)/[^/]*$" or "."
    directories = {here .. "/" .. recipe.name, here .. "/files", here}
  end
  return directories
end

local function find_local(recipe, source, path)
  local tried = {}
  for _, directory in ipairs(search_path(recipe)) do
    local candidate = directory .. "/" .. path
    tried[#tried + 1] = candidate
    local st = core.stat(candidate, "follow")
    if st and st.type == "file" then return candidate end
    if st then
      fault.throw("recipe", ("'%s' is a %s; moonsand takes files only"):format(candidate, st.type),
        {where = source.where, hint = "name the files of the directory one by one"})
    end
  end
  fault.throw("recipe", ("'%s' was not found"):format(source.url), {
    where = source.where,
    hint = "looked for:\n    " .. table.concat(tried, "\n    "),
  })
end

local function new_source(recipe, word)
  local where = graph.place(recipe, "SRC_URI", word:match "^[^;]+")
  local url, scheme, path, given = split(word, where)
  local source = {
    url = url, scheme = scheme, where = where, subdir = given.subdir,
    file = given.downloadfilename or path:gsub("[?#].*$", ""):match "([^/]+)/*$",
    strip = tonumber(given.striplevel or "1"),
    debian = given.debian or recipe.data:get "DEBIAN_SOURCE",
  }
  source.how = kind_of(source.file, given)
  if scheme == "file" then
    source.path = find_local(recipe, source, path)
    source.sha256 = assert(core.sha256_file(source.path))
    source.checksum_where = where
  else
    source.sha256 = checksum(recipe, source, given)
  end
  if scheme == "debian" then source.debian = path:match "^([^/]+)/" or path end
  return source
end

local function refuse_twins(sources)
  local seen = {}
  for _, source in ipairs(sources) do
    local twin = seen[source.file]
    if twin and twin.sha256 ~= source.sha256 then
      fault.throw("recipe", ("two sources are called '%s'"):format(source.file),
        {where = source.where, hint = "give one of them ';downloadfilename=OTHER-NAME'"})
    end
    seen[source.file] = source
  end
end

--- The sources of a recipe, in the order of SRC_URI. Faults name what is wrong with the recipe.
---@param recipe table
---@return moonsand.build.Source[]
function M.list(recipe)
  local sources = {}
  for word in (recipe.data:get "SRC_URI" or ""):gmatch "%S+" do
    sources[#sources + 1] = new_source(recipe, word)
  end
  refuse_twins(sources)
  return sources
end

--- The sources that a task sees, by the words of its flag [sources]: archive, file, patch.
---@param sources moonsand.build.Source[]
---@param kinds string
---@return moonsand.build.Source[]
function M.select(sources, kinds)
  local chosen = {}
  for _, source in ipairs(sources) do
    if (" " .. kinds .. " "):find(" " .. source.how .. " ", 1, true) then
      chosen[#chosen + 1] = source
    end
  end
  return chosen
end

--- The table that do_unpack and do_patch read: kind, file, directory, strip level, split by tabs.
---@param sources moonsand.build.Source[]
---@return string
function M.listing(sources)
  local lines = {}
  for i, source in ipairs(sources) do
    lines[i] = ("%s\t%s\t%s\t%d\n"):format(source.how, source.file, source.subdir or ".",
      source.strip)
  end
  return table.concat(lines)
end

return M
