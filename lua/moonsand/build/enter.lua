--- Going into the sandbox of a task: the same sandbox again, with a shell in it.
local execute = require "moonsand.build.execute"
local fault = require "moonsand.fault"
local hook = require "moonsand.build.hook"
local kept = require "moonsand.build.kept"
local multiconfig = require "moonsand.recipe.multiconfig"
local recipe = require "moonsand.recipe"
local script = require "moonsand.build.script"
local variables = require "moonsand.build.variables"
local read = require("moonsand.text").read

local M = {}

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- The first lines of a shell: the task's variables, the directory, and the failed command in the
--- history, so that one key and Enter repeat it.
---@param fields {task: string, variables: string, failure?: table, cwd: string}
---@return string
function M.greeting(fields)
  local failure = fields.failure or {}
  local lines = {
    fields.variables, "unset HISTFILE",
    ("PS1=%s"):format(quote("(" .. fields.task .. ") \\w \\$ ")),
    ("cd %s 2>/dev/null || cd /work"):format(quote(failure.cwd or fields.cwd)),
  }
  if failure.command then
    lines[#lines + 1] = ("[ -z \"$BASH_VERSION\" ] || history -s -- %s"):format(
      quote(failure.command))
    lines[#lines + 1] = ("printf '%%s\\n' %s %s"):format(
      quote(("failed%s:"):format(failure.where and " at " .. failure.where or "")),
      quote("    " .. failure.command))
  end
  return table.concat(lines, "\n") .. "\n"
end

-- A task that ended well is entered at its end, another one at its start.
local function setting_of(workshop, node)
  local setting = execute.setting(node)
  if setting and node.record and node.record.layer then
    table.insert(setting.over, 1, node.record.layer)
  end
  if setting then hook.find(workshop, node, setting) end
  return setting
end

local function greeting_of(node, failure)
  local d, directory = variables.of(node), "/work"
  for word in (d:flag(node.task, "dirs") or ""):gmatch "%S+" do directory = word end
  return M.greeting {
    task = node.name, failure = failure, cwd = directory,
    variables = recipe.shell.variables(d),
  }
end

---@class moonsand.build.Entry
---@field state "failed"|"ended"|"start"   what one finds
---@field failure? {command?: string, cwd?: string, where?: string}

--- The options of a sandbox that is a task's, with a shell.
---@param workshop moonsand.build.Workshop
---@param node moonsand.build.Node   resolved
---@return table options
---@return moonsand.build.Entry entry
function M.options(workshop, node)
  if node.kind ~= "task" then
    fault.throw("usage", ("'%s' has no script and so no sandbox"):format(node.name),
      {hint = "enter another task of the recipe: " .. multiconfig.name(node.recipe) .. ":compile"})
  end
  local left = workshop.store:kept(node.name)
  local setting, failure = kept.decode(left and read(left.path .. "/failure"))
  if not setting then left, setting = nil, setting_of(workshop, node) end
  if not setting then
    fault.throw("usage", ("what '%s' starts from is not built yet"):format(node.name),
      {hint = "moonsand build " .. node.name})
  end
  -- No workdir: a volatile overlay leaves one behind that the kernel refuses the next time.
  local options = execute.options(workshop, node, left and {upper = left.upper}, setting)
  local greeting = script.DIRECTORY .. "/greeting"
  table.insert(options.files, {target = greeting, text = greeting_of(node, failure)})
  options.command = {"/bin/bash", "--noprofile", "--rcfile", greeting, "-i"}
  if setting.trees.root then
    options.command, options.env.ENV = {"/bin/sh", "-i"}, greeting
  end
  return options, {
    state = left and "failed" or node.record and "ended" or "start", failure = failure,
  }
end

return M
