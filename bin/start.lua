--- Find the modules beside the command (a checkout, or an installation) and hand over to the CLI.
--- bin/moonsand.c runs this with its own path and with what it knows of compiled modules.
local exe, compiled = ...

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

-- "x/bin" -> "x/", "bin" -> "": messages name files below it.
local function above(bin)
  return bin == "bin" and "" or bin:match("^(.*/)bin$") or bin .. "/../"
end

local function locate(bin)
  local top = above(bin)
  if exists(top .. "lua/moonsand/fault.lua") then
    return {
      lua = top .. "lua", lib = top .. "build", recipes = top .. "recipes",
      python = top .. "python",
    }
  elseif exists(top .. "share/lua/5.4/moonsand/fault.lua") then
    local share = top .. "share/moonsand"
    if not exists(share .. "/recipes/conf/moonsand.conf") then -- LuaRocks deploys modules only
      share = top .. "share/lua/5.4/moonsand/share"
    end
    return {
      lua = top .. "share/lua/5.4",
      lib = top .. "lib/lua/5.4",
      recipes = share .. "/recipes",
      python = share .. "/python",
    }
  end
end

-- "x/bin/moonsand" -> "x/bin"; the same for what it is a link to, and for what that makes way for
-- (bin/alone.c).
local function directory(path)
  for _, place in ipairs {"/build/moonsand", "/build/moonsand/full", "/lib/moonsand"} do
    path = path:gsub(place .. "/moonsand$", "/bin/moonsand")
  end
  return path:match("^(.*)/[^/]*$") or "."
end

local home = locate(directory(arg[0])) or locate(directory(exe))
if not home then
  io.stderr:write("moonsand: no modules beside ", arg[0],
    "; run it from a checkout or after `make install`\n")
  os.exit(70)
end
package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(home.lua, home.lua, package.path)
package.cpath = ("%s/?.so;%s"):format(home.lib, package.cpath)
table.insert(package.searchers, 2, function(name) return compiled(name, home.lua) end)
package.preload["moonsand.sandbox.ready"] = function(name)
  local ready = compiled(name, home.lua)
  return ready and ready() or {}
end
require("moonsand.cli.main").main(arg, home)
