--- The run scripts of a task: its function with those before and after it, each a script.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"
local mixed = require "moonsand.build.mixed"
local names_of = require "moonsand.build.names"
local recipe = require "moonsand.recipe"
local script = require "moonsand.build.script"
local variables = require "moonsand.build.variables"
local words = require("moonsand.text").words

local M = {}

M.EXECUTABLE = 493 -- 0755

local function check(ok, problem)
  if not ok then fault.throw("fs", problem) end
  return ok
end

--- [prefuncs], the task, [postfuncs]: each with a run script of its own.
---@param node moonsand.build.Node
---@return string[]
function M.functions(node)
  local d, list = variables.of(node), {}
  for _, name in ipairs(words(d:flag(node.task, "prefuncs"))) do list[#list + 1] = name end
  list[#list + 1] = node.task
  for _, name in ipairs(words(d:flag(node.task, "postfuncs"))) do list[#list + 1] = name end
  return list
end

---@class moonsand.build.Scripts
---@field names string[]                names of the run scripts in the sandbox
---@field scripts table<string, table>   name -> from `moonsand.recipe`.shell
---@field start string                  the start script
---@field mixed boolean                 are there functions of other languages?
---@field functions string[]            the functions in their order

--- The scripts of a task.
---@param node moonsand.build.Node
---@return moonsand.build.Scripts
function M.make(node)
  local d, names, scripts, functions = variables.of(node), {}, {}, M.functions(node)
  local others = mixed.is(d, functions)
  if others and node.roots then mixed.refuse_root(node, graph.place(node.recipe, node.task)) end
  for _, func in ipairs(functions) do
    if not d:raw(func) then
      fault.throw("recipe", ("task '%s' has no function '%s'"):format(node.name, func), {
        where = node.recipe.file, hint = ("write '%s() { ... }', or deltask %s"):format(func, func),
      })
    end
    local name = func == node.task and "run." .. func or ("run.%s.%s"):format(node.task, func)
    names[#names + 1] = name
    local shell = mixed.language(d, func) == "shell"
    scripts[name] = shell and recipe.shell.script(d, func) or mixed.document(d, func)
  end
  return {
    names = names, scripts = scripts, mixed = others, functions = functions,
    start = script.start {
      names = names, inside = others and mixed.COMMAND or nil,
      trace = not node.roots, dirs = d:flag(node.task, "dirs"),
      cleandirs = d:flag(node.task, "cleandirs"),
    },
  }
end

--- Write the scripts where a person finds them, beside the log.
---@param directory string   of logs and run scripts
---@param node moonsand.build.Node
---@param scripts moonsand.build.Scripts
function M.save(directory, node, scripts)
  local place = names_of.place(directory, node.recipe)
  check(core.mkdirs(place))
  for _, name in ipairs(scripts.names) do
    local path = names_of.fresh(place, name)
    local file = check(io.open(path, "w"))
    file:write(scripts.scripts[name].text)
    file:close()
    check(core.chmod(path, M.EXECUTABLE))
  end
end

return M
