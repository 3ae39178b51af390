--- What a path that is looked for is looked for as: a header of that name, a library, a program.
--- Compilers, linkers and shells ask for one name in many places; it matters whether any of them
--- had it, and who could.
local M = {}

---@class moonsand.build.Sought
---@field kind "header"|"pkgconfig"|"library"|"program"|"macros"
---@field name string   as it is asked for: "curl/curl.h", "zlib.pc", "libz", "bison"
---@field key string    both

-- What of a compiler's own directories is no part of a header's name.
local function header(path)
  local name = path:match "/include/(.*%.h[hpx+]*)$"
  if not name then return nil end
  return (name:gsub("^c%+%+/%d[^/]*/", ""):gsub("^[%w_]+%-%w+%-%w+/", ""):gsub("^backward/", ""))
end

local kinds = {
  {"header", header},
  {"pkgconfig", function(path) return path:match "/pkgconfig/([^/]+%.pc)$" end},
  {"library", function(path)
    local name = path:match "/(lib[^/]+)%.so$" or path:match "/(lib[^/]+)%.l?a$"
    return path:find "/lib" and name
  end},
  {"macros", function(path) return path:match "/aclocal[^/]*/([^/]+%.m4)$" end},
  {"program", function(path) return path:match "/s?bin/([^/]+)$" end},
}

--- nil: as nothing that a recipe could have.
---@param path string
---@return moonsand.build.Sought?
function M.of(path)
  for _, entry in ipairs(kinds) do
    local name = entry[2](path)
    if name and name ~= "" then
      return {kind = entry[1], name = name, key = entry[1] .. " " .. name}
    end
  end
end

local places = {
  header = {"usr/include/%s"},
  pkgconfig = {"usr/lib/pkgconfig/%s", "usr/share/pkgconfig/%s"},
  library = {"usr/lib/%s.so", "usr/lib/%s.a", "lib/%s.so"},
  program = {"usr/bin/%s", "usr/sbin/%s", "bin/%s"},
  macros = {"usr/share/aclocal/%s"},
}

--- Where a sysroot would have it.
---@param sought moonsand.build.Sought
---@return string[]
function M.places(sought)
  local list = {}
  for i, form in ipairs(places[sought.kind]) do list[i] = form:format(sought.name) end
  return list
end

--- What a recipe that has it would be called: "zlib" for zlib.h, zlib.pc and libzlib.
---@param sought moonsand.build.Sought
---@return string[]
function M.names(sought)
  local stem = sought.name:match "^([^/]*)/" or sought.name:gsub("%.[%w+]+$", "")
  if sought.kind == "program" then return {sought.name} end
  if sought.kind == "library" then return {stem:sub(4), stem} end
  return {stem, "lib" .. stem}
end

return M
