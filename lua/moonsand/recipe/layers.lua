--- Metadata layers: a build directory's conf/bblayers.conf, and each layer's conf/layer.conf.
local fault = require "moonsand.fault"
local find = require "moonsand.recipe.find"
local parse = require "moonsand.recipe.parse"
local words = require("moonsand.text").words

local M = {}

-- LAYERDIR is replaced as text, so that a layer.conf needs no `:=`.
local function replace(text, directory, escaped)
  if type(text) ~= "string" or not text:find("${LAYERDIR", 1, true) then return text end
  text = text:gsub("%${LAYERDIR}", (directory:gsub("%%", "%%%%")))
  return (text:gsub("%${LAYERDIR_RE}", (escaped:gsub("%%", "%%%%"))))
end

local function replace_layerdir(d, directory, escaped)
  for _, name in ipairs(d:names()) do
    local record = d.vars[name]
    for _, key in ipairs {"content", "default"} do
      if record and record[key] then record[key] = replace(record[key], directory, escaped) end
    end
    for _, key in ipairs {"append", "prepend", "remove"} do
      local list = record and record[key] or {}
      for i = 1, #list, 2 do list[i] = replace(list[i], directory, escaped) end
    end
  end
  d.overrides = nil
  d:forget_all()
end

local function read_layer(reader, d, directory)
  local file = directory .. "/conf/layer.conf"
  if reader.disk.kind(file) ~= "file" then
    fault.throw("recipe", ("'%s' of BBLAYERS has no conf/layer.conf"):format(directory), {
      where = d:place("BBLAYERS"), reason = "missing", hint = "remove it from BBLAYERS",
    })
  end
  local escaped = directory:gsub("[^%w_/]", "\\%0")
  d:put("LAYERDIR", directory)
  d:put("LAYERDIR_RE", escaped)
  parse.read(reader, d, file)
  replace_layerdir(d, directory, escaped)
end

-- What the layers say of the releases that they fit. It is taken out of the store as each is read,
-- so that none can copy another's.
local function take_series(d, series)
  for _, name in ipairs(words(d:get("BBFILE_COLLECTIONS"))) do
    local text = d:get("LAYERSERIES_COMPAT_" .. name)
    if text and text ~= "" then
      series.fits[name] = words(text)
      series.places[name] = d:place("LAYERSERIES_COMPAT_" .. name)
      d:delete("LAYERSERIES_COMPAT_" .. name)
    end
  end
  if not series.core then
    local core = words(d:get("LAYERSERIES_CORENAMES"))
    if #core > 0 then
      series.core = core
      d:delete("LAYERSERIES_CORENAMES")
    end
  end
end

local function sorted_text(list)
  local copy, seen = {}, {}
  for _, each in ipairs(list) do
    if not seen[each] then copy[#copy + 1] = each end
    seen[each] = true
  end
  table.sort(copy)
  return table.concat(copy, " ")
end

local function meets(one, other)
  for _, a in ipairs(one) do
    for _, b in ipairs(other) do
      if a == b then return true end
    end
  end
  return false
end

local function check_series(d, series)
  for name, fits in pairs(series.fits) do
    d:put("LAYERSERIES_COMPAT_" .. name, sorted_text(fits))
    if not series.core then
      fault.throw("recipe", ("there is no core layer for the layer '%s'"):format(name), {
        where = series.places[name], reason = "syntax",
        hint = "a layer of BBLAYERS sets LAYERSERIES_CORENAMES"})
    elseif not meets(fits, series.core) then
      fault.throw("recipe", ("the layer '%s' fits %s, and the core layer is %s"):format(name,
        table.concat(fits, ", "), table.concat(series.core, ", ")), {
        where = series.places[name], reason = "syntax",
        hint = "use the branch of the layer that fits, or remove it from BBLAYERS"})
    end
  end
  if series.core then d:put("LAYERSERIES_CORENAMES", sorted_text(series.core)) end
end

local function check_collections(d, series)
  local seen = {}
  for _, name in ipairs(words(d:get("BBFILE_COLLECTIONS"))) do
    if seen[name] then
      fault.throw("recipe", ("BBFILE_COLLECTIONS holds '%s' twice"):format(name), {
        where = d:place("BBFILE_COLLECTIONS"), reason = "syntax",
        hint = "a layer stands twice in BBLAYERS, or two layers have one name"})
    end
    seen[name] = true
    if not series.fits[name] and series.core then
      d:warn(("Layer %s should set LAYERSERIES_COMPAT_%s in its conf/layer.conf file to list the "
        .. "core layer names it is compatible with."):format(name, name))
    end
  end
  return seen
end

-- BBFILES_DYNAMIC: globs for when a collection is there, or is not.
local function add_dynamic(d, collections)
  for _, entry in ipairs(words(d:get("BBFILES_DYNAMIC"))) do
    local absent, name, glob = entry:match("^(!?)([^:]*):(.*)$")
    if not name then
      fault.throw("recipe", ("BBFILES_DYNAMIC holds '%s'"):format(entry), {
        where = d:place("BBFILES_DYNAMIC"), reason = "syntax",
        hint = "an entry is COLLECTION:GLOB or !COLLECTION:GLOB"})
    end
    if (collections[name] ~= nil) == (absent == "") then d:append("BBFILES", " " .. glob) end
  end
end

-- The directories of BBLAYERS.
local function directories_of(d)
  local list, home = words(d:get("BBLAYERS")), d:get("HOME")
  for i, directory in ipairs(list) do
    if home then directory = directory:gsub("^~%f[/%z]", (home:gsub("%%", "%%%%"))) end
    list[i] = directory:gsub("(.)/+$", "%1")
  end
  return list
end

-- COREBASE, which a layer sets, when it needs no Python.
local function see_base(d)
  local copy = d:copy()
  copy.python = nil
  local ok, base = pcall(copy.get, copy, "COREBASE")
  if ok and base and base:find("^/.") then d.python:see(base) end
end

-- What Python will see is known before it starts: whoever runs without it is started anew.
local function show_python(d, directories)
  if not d.python then return end
  for _, directory in ipairs(directories) do d.python:see(directory) end
  d.python.before_start = function() see_base(d) end
end

--- Read conf/bblayers.conf, when it is along BBPATH, and the layers that it names.
---@param reader moonsand.recipe.Reader
---@param d moonsand.recipe.Data
function M.read(reader, d)
  local path = parse.locate(reader, d, find.split(d:get("BBPATH")), "conf/bblayers.conf")
  if not path then return end
  local top = find.directory(find.directory(path))
  d:put("TOPDIR", top)
  if d.python then d.python:see(top, true) end
  parse.read(reader, d, path)
  local series, directories = {fits = {}, places = {}, core = nil}, directories_of(d)
  show_python(d, directories)
  for _, directory in ipairs(directories) do
    read_layer(reader, d, directory)
    take_series(d, series)
  end
  d:delete("LAYERDIR")
  d:delete("LAYERDIR_RE")
  local base = d.python and d:get("COREBASE")
  if base and base:find("^/.") then d.python:see(base) end
  if d.python then d.python.before_start = nil end
  check_series(d, series)
  add_dynamic(d, check_collections(d, series))
end

return M
