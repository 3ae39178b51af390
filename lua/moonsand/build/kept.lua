--- What is kept of a failed task beside its upper: which layers it stood on, and what it failed at.
local M = {}

local HEADER <const> = "moonsand failure 1"

local function escape(text)
  return (text:gsub("[\\\n]", {["\\"] = "\\\\", ["\n"] = "\\n"}))
end

local function unescape(text)
  return (text:gsub("\\(.)", {["\\"] = "\\", n = "\n"}))
end

--- What has to be known to make the sandbox of a failed task again, and what it failed at.
---@param setting moonsand.build.Setting
---@param failure {command?: string, cwd?: string, where?: string}
---@return string
function M.encode(setting, failure)
  local lines = {HEADER}
  for _, digest in ipairs(setting.over) do lines[#lines + 1] = "over " .. digest end
  for _, digest in ipairs(setting.hooks or {}) do lines[#lines + 1] = "hook " .. digest end
  for _, kind in ipairs {"target", "native"} do
    for _, digest in ipairs(setting.sysroot_hooks and setting.sysroot_hooks[kind] or {}) do
      lines[#lines + 1] = ("%shook %s"):format(kind, digest)
    end
  end
  for _, kind in ipairs {"target", "native", "root", "across"} do
    for _, one in ipairs(setting.trees[kind] or {}) do
      lines[#lines + 1] = ("%s %s %s"):format(kind, one.digest, one.recipe)
    end
  end
  for _, name in ipairs {"command", "cwd", "where"} do
    if failure[name] then lines[#lines + 1] = name .. " " .. escape(failure[name]) end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Read what `encode` wrote; nil when it is something else.
---@param text? string
---@return moonsand.build.Setting? setting
---@return {command?: string, cwd?: string, where?: string}? failure
function M.decode(text)
  if not text or text:sub(1, #HEADER + 1) ~= HEADER .. "\n" then return nil end
  local setting, failure = {over = {}, trees = {target = {}, native = {}},
    sysroot_hooks = {target = {}, native = {}}}, {}
  for name, rest in text:gmatch "\n(%l+) ([^\n]*)" do
    local digest, recipe = rest:match "^(%x+) (.*)$"
    if name == "over" then
      table.insert(setting.over, rest)
    elseif name == "targethook" or name == "nativehook" then
      table.insert(setting.sysroot_hooks[name:match "^(.*)hook$"], rest)
    elseif name == "hook" then
      setting.hooks = setting.hooks or {}
      table.insert(setting.hooks, rest)
    elseif (setting.trees[name] or name == "root" or name == "across") and digest then
      setting.trees[name] = setting.trees[name] or {}
      table.insert(setting.trees[name], {recipe = recipe, digest = digest})
    else
      failure[name] = unescape(rest)
    end
  end
  return setting, failure
end

return M
