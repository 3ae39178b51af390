-- Run scripts that BitBake wrote for real recipes: taken apart into a datastore, and written again.
local data = require "moonsand.recipe.data"
local shell = require "moonsand.recipe.shell"

local M = {}

local header = "# line: (%d+), file: ([^\n]*)\n([^\n]-)%(%) {\n"

-- The functions of a script: name -> {line, file, body}, and their order.
function M.functions(text)
  local by, order, at = {}, {}, 1
  while true do
    local first, last, line, file, name = text:find(header, at)
    if not first then break end
    local stop = text:find("\n}\n\n?# line: ", last) or text:find("\n}\n+$", last)
    by[name] = {line = line, file = file, body = text:sub(last + 1, stop)}
    order[#order + 1] = name
    at = stop
  end
  return by, order
end

-- Exported and unexported variables of a script, in the datastore's form.
local function put_variables(d, text)
  local at = 1
  while true do
    local first, last, name = text:find('^export ([%w_]+)="', at)
    if first then
      local stop = last + 1
      while text:sub(stop, stop) ~= '"' do
        stop = stop + (text:find("^\\[^\n]", stop) and 2 or 1)
      end
      local value = text:sub(last + 1, stop - 1):gsub(" \\\n", "\n"):gsub('\\(["$`])', "%1")
      d:put(name, value)
      d:set_flag(name, "export", 1)
      at = stop + 2
    else
      first, last, name = text:find("^unset ([%w_]+)\n", at)
      if not first then break end
      d:set_flag(name, "unexport", 1)
      at = last + 1
    end
  end
end

--- The script again, from a store that also holds the functions of the recipe's other scripts.
function M.again(case, others)
  local d = data.new()
  put_variables(d, case.emit_func)
  local own = M.functions(case.emit_func)
  for name, each in pairs(others) do
    each = own[name] or each
    d:put(name, each.body)
    d:set_flag(name, "func", 1)
    d:set_flag(name, "lineno", each.line)
    d:set_flag(name, "filename", each.file)
  end
  return shell.emit(d, case.task)
end

return M
