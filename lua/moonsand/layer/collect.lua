--- Collect: the part of an outputs tree that other recipes may see, as a tree of its own. Its files
--- are hard links to those of the whole tree: both are normalised alike, and neither ever changes.
local core = require "moonsand.core"
local directory = require "moonsand.layer.directory"
local disk = require "moonsand.layer.disk"
local link = require "moonsand.layer.link"

local M = {}

---@class moonsand.CollectRules
---@field directories string[]  what goes in: paths of directories, files or links
---@field ignore? string[]      what does not, though inside; `*` stands for anything but `/`
---@field prefix? string        put everything below this directory
---@field name? string          who made it, for people

--- What a sysroot usually needs: headers, libraries, and data without manuals and translations.
M.SYSROOT = {
  directories = {"/usr/include", "/usr/lib", "/usr/share", "/lib", "/sysroot-only"},
  ignore = {"/usr/share/man", "/usr/share/doc", "/usr/share/info", "/usr/share/locale",
    "/usr/share/applications", "/usr/share/bash-completion", "/usr/share/fonts",
    "/usr/share/gtk-doc", "/usr/share/icons", "/usr/share/pixmaps", "/usr/lib/debug",
    "/usr/lib/*/ptest", "/usr/lib/installed-tests"},
}

--- For tools that run while building: their programs, too.
M.NATIVE = {
  directories = {"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/libexec", "/usr/include",
    "/usr/lib", "/usr/share", "/lib", "/etc", "/sysroot-only"},
  ignore = M.SYSROOT.ignore,
}

local function clean(path)
  return (path:gsub("/+", "/"):gsub("^/", ""):gsub("/$", ""))
end

local function pattern(glob)
  return "^" .. clean(glob):gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", "[^/]*") .. "$"
end

local Rules = {}
Rules.__index = Rules

local function compile(rules)
  local self = setmetatable({inside = {}, toward = {}, ignore = {}}, Rules)
  for _, path in ipairs(rules.directories) do
    path = clean(path)
    self.inside[path] = true
    for parent in path:gmatch("()/") do self.toward[path:sub(1, parent - 1)] = true end
    if path == "" then self.all = true end
  end
  for i, glob in ipairs(rules.ignore or {}) do self.ignore[i] = pattern(glob) end
  return self
end

function Rules:ignores(path)
  for _, glob in ipairs(self.ignore) do
    if path:find(glob) then return true end
  end
  return false
end

local function pick_list(rules, list, prefix, inside)
  local out = {}
  for _, entry in ipairs(list) do
    local path = prefix .. entry.name
    if (inside or rules.inside[path]) and not rules:ignores(path) then out[#out + 1] = entry end
  end
  return out
end

local function pick(rules, node, prefix, inside)
  local out = {files = pick_list(rules, node.files, prefix, inside), directories = {},
    symlinks = pick_list(rules, node.symlinks, prefix, inside)}
  for _, entry in ipairs(node.directories) do
    local path = prefix .. entry.name
    local within = inside or rules.inside[path]
    if (within or rules.toward[path]) and not rules:ignores(path) then
      local child = pick(rules, entry.node, path .. "/", within)
      if within or not M.is_empty(child) then
        out.directories[#out.directories + 1] = {name = entry.name, node = child}
      end
    end
  end
  return out
end

--- Is there nothing in the node?
---@param node moonsand.Node
---@return boolean
function M.is_empty(node)
  return #node.files + #node.directories + #node.symlinks == 0
end

local function wrap(node, prefix)
  local names = {}
  for name in prefix:gmatch("[^/]+") do table.insert(names, 1, name) end
  for _, name in ipairs(names) do
    local outer = directory.new()
    outer.directories[1] = {name = name, node = node}
    node = outer
  end
  return node
end

local known = {directories = true, ignore = true, prefix = true, name = true}

local function check_rules(rules)
  for name in pairs(rules) do
    if not known[name] then error(("unknown rule '%s'"):format(tostring(name)), 4) end
  end
  if type(rules.directories) ~= "table" then error("the rules name no directories", 4) end
end

--- The node that the rules leave of a node.
---@param node moonsand.Node
---@param rules moonsand.CollectRules
---@return moonsand.Node
function M.select(node, rules)
  check_rules(rules)
  local compiled = compile(rules)
  return directory.seal(wrap(pick(compiled, node, "", compiled.all), clean(rules.prefix or "")))
end

-- Mode and time for the directories above a prefix, inner ones first.
local function normalise_parents(to, prefix)
  local parents = {prefix ~= "" and to or nil}
  for at in prefix:gmatch("()/") do table.insert(parents, 1, to .. "/" .. prefix:sub(1, at - 1)) end
  for _, path in ipairs(parents) do link.finish(path) end
end

--- Make the tree that the rules leave of a tree.
---@param store moonsand.Store
---@param whole moonsand.Layer
---@param rules moonsand.CollectRules
---@return moonsand.Layer
function M.run(store, whole, rules)
  local node = M.select(whole:node(), rules)
  local there = store:tree(node.digest)
  if there then return there end
  local inner, prefix = node, clean(rules.prefix or "")
  if prefix ~= "" then inner = assert(directory.find(node, prefix)) end
  local scratch <close> = store:scratch()
  local to = scratch.path .. "/tree"
  local inside = prefix == "" and to or to .. "/" .. prefix
  disk.must("make", core.mkdirs(inside))
  link.build({}, inner, whole.path, inside)
  normalise_parents(to, prefix)
  return store:put_tree(scratch, node, to, rules.name or whole.name)
end

return M
