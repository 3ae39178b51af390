--- Run scripts: one shell file that holds everything a shell task needs.
local command = require "moonsand.recipe.command"
local data = require "moonsand.recipe.data"
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.recipe.Piece      where lines of a script come from
---@field first integer     line of the script on which the body begins
---@field last integer
---@field name string       the function
---@field file string
---@field line integer      line of its header in the metadata

---@class moonsand.recipe.Script
---@field text string
---@field functions string[]     in the order in which they stand
---@field pieces moonsand.recipe.Piece[]
---@field file string            of the task's function
---@field line integer

-- What a failing script says, on one line of its standard error.
local mark = "moonsand-failure:"

-- Plain sh. Under bash the ERR trap knows the command and its line; others know the exit code.
local prologue = [[
#!/bin/sh
moonsand_code='' moonsand_line='' moonsand_function='' moonsand_command=''
moonsand_newline='
'

moonsand_note() {
    moonsand_code=$1 moonsand_line=${BASH_LINENO[0]} moonsand_function=${FUNCNAME[1]}
    moonsand_command=$2
}

moonsand_end() {
    moonsand_exit=$1
    trap - 0
    if [ "$moonsand_exit" != 0 ]; then
        if [ -n "$BASH_VERSION" ] && [ "$moonsand_code" != "$moonsand_exit" ]; then
            moonsand_line='' moonsand_function=${FUNCNAME[1]} moonsand_command=$2
        fi
        printf '%s exit=%s line=%s function=%s command=%s\n' ']] .. mark .. [[' "$moonsand_exit" \
            "$moonsand_line" "$moonsand_function" "${moonsand_command%%"$moonsand_newline"*}" >&2
    fi
    exit "$moonsand_exit"
}

if [ -n "$BASH_VERSION" ]; then
    set -o posix -eE
    shopt -s xpg_echo
    trap 'moonsand_note $? "$BASH_COMMAND"' ERR
    trap 'moonsand_end $? "$BASH_COMMAND"' 0
else
    set -e
    trap 'moonsand_end $?' 0
fi

]]

local epilogue = [[

# the end
trap - 0
exit 0
]]

local function is_shell(d, name)
  return d:raw_flag(name, "func") and not d:raw_flag(name, "python") and not d:raw_flag(name, "lua")
end

-- One exported or unexported variable, or "" when it is neither.
local function variable(d, name)
  if name:find("[-.{}+]") or name:find("^__") or d:raw_flag(name, "func") then return "" end
  local unexport = data.truth(d:flag(name, "unexport"))
  if not unexport and not data.truth(d:flag(name, "export")) then return "" end
  if unexport then return ("unset %s\n"):format(name) end
  local value = d:get(name)
  if not value then return "" end
  value = value:gsub('["$`]', "\\%0"):gsub("\n", " \\\n")
  return ('export %s="%s"\n'):format(name, value)
end

--- The lines of a run script that set what is exported.
---@param d moonsand.recipe.Data
---@return string
function M.variables(d)
  local out = {}
  for _, name in ipairs(d:export_names()) do out[#out + 1] = variable(d, name) end
  return table.concat(out)
end

--- What a shell function calls that may be functions of the store: command words and `vardeps`.
local function calls(d, name)
  local set = {}
  for word in pairs(command.words(d:get(name) or "").called) do set[word] = true end
  for word in (d:flag(name, "vardeps") or ""):gmatch("%S+") do set[word] = true end
  return set
end

--- The functions that a shell function needs, level by level, each level sorted.
---@param d moonsand.recipe.Data
---@param name string
---@return string[]
function M.closure(d, name)
  local order, seen, level = {}, {}, calls(d, name)
  while next(level) ~= nil do
    local names, following = {}, {}
    for each in pairs(level) do
      seen[each] = true
      names[#names + 1] = each
    end
    table.sort(names)
    for _, each in ipairs(names) do
      if is_shell(d, each) then
        if each ~= name then order[#order + 1] = each end
        for other in pairs(calls(d, each)) do following[other] = true end
      end
    end
    level = {}
    for each in pairs(following) do
      if not seen[each] then level[each] = true end
    end
  end
  return order
end

local function check(d, name)
  local flags = d:flags(name)
  if not flags.func then
    fault.throw("recipe", ("there is no function '%s'"):format(name), {where = d:place(name),
      reason = "task", hint = ("define it: %s() { ... }"):format(name)})
  end
  local where = ("%s:%s"):format(flags.filename, flags.lineno)
  if flags.python then
    fault.throw("recipe", ("'%s' is a python function"):format(name), {where = where,
      hint = "a task runs it", reason = "python"})
  elseif flags.lua then
    fault.throw("recipe", ("'%s' is a lua function, not a shell function"):format(name), {
      where = where, reason = "task", hint = "run it with recipe.lua.call"})
  end
end

local function lines_in(text)
  local _, n = text:gsub("\n", "")
  return n
end

-- Script under construction: pieces of text, and the line on which the next one begins.
local function add(script, text)
  script[#script + 1] = text
  script.line = script.line + lines_in(text)
end

local function add_function(script, d, name)
  local file, line = d:raw_flag(name, "filename"), d:raw_flag(name, "lineno")
  local body = (d:get(name) or ""):gsub("\n+$", "")
  add(script, ("# line: %s, file: %s\n%s() {\n"):format(line, file, name))
  local first = script.line
  add(script, body .. "\n")
  script.pieces[#script.pieces + 1] = {first = first, last = script.line - 1, name = name,
    file = file, line = line}
  add(script, "}\n\n")
end

--- Variables and functions as BitBake's emit_func writes them.
---@param d moonsand.recipe.Data
---@param name string
---@return string
function M.emit(d, name)
  check(d, name)
  local script = {line = 1, pieces = {}}
  add(script, M.variables(d) .. "\n")
  add_function(script, d, name)
  for _, each in ipairs(M.closure(d, name)) do add_function(script, d, each) end
  return table.concat(script)
end

--- The run script of a shell function. Run it with /bin/bash where there is one, else with /bin/sh:
-- only bash can say which command failed.
---@param d moonsand.recipe.Data
---@param name string
---@return moonsand.recipe.Script
function M.script(d, name)
  check(d, name)
  local script = {line = 1, pieces = {}}
  add(script, prologue)
  add(script, M.variables(d) .. "\n")
  local functions = M.closure(d, name)
  table.insert(functions, 1, name)
  for _, each in ipairs(functions) do add_function(script, d, each) end
  local directory
  for word in (d:flag(name, "dirs") or ""):gmatch("%S+") do directory = word end
  if directory then add(script, ("cd '%s'\n"):format((directory:gsub("'", "'\\''")))) end
  add(script, name .. "\n")
  add(script, epilogue)
  return {
    text = table.concat(script), functions = functions, pieces = script.pieces,
    file = d:raw_flag(name, "filename"), line = d:raw_flag(name, "lineno"),
  }
end

---@class moonsand.recipe.Failure
---@field exit_code integer
---@field command? string     the failing command, when the shell could tell
---@field name? string        the function it stands in
---@field file? string        of the metadata
---@field line? integer       of the metadata: exact unless the function has appended parts
---@field exact boolean       is `line` the command's own line (else the function's header)

local function piece_at(script, line)
  for _, piece in ipairs(script.pieces) do
    if line >= piece.first and line <= piece.last then return piece end
  end
end

local function piece_named(script, name)
  for _, piece in ipairs(script.pieces) do
    if piece.name == name then return piece end
  end
end

--- What a failed run of a script left in its output.
---@param script moonsand.recipe.Script
---@param output string
---@return moonsand.recipe.Failure?
function M.failure(script, output)
  local code, line, name, text
  for each in output:gmatch(mark:gsub("%-", "%%-") .. " ([^\n]*)") do
    local c, l, n, t = each:match("^exit=(%d+) line=(%d*) function=(%S*) command=(.*)$")
    if c then code, line, name, text = c, l, n, t end
  end
  if not code then return nil end
  line = math.tointeger(tonumber(line))
  local piece = line and piece_at(script, line) or piece_named(script, name) or script.pieces[1]
  local exact = line ~= nil and line >= piece.first and line <= piece.last and
    piece.file ~= "autogenerated"
  return {
    exit_code = math.tointeger(tonumber(code)), command = text ~= "" and text or nil,
    name = name ~= "" and name ~= "main" and name or piece.name, file = piece.file,
    line = exact and piece.line + 1 + line - piece.first or piece.line, exact = exact,
  }
end

--- Does a line of output belong to the report of a failure (and not to the task)?
---@param line string
---@return boolean
function M.is_mark(line)
  return line:sub(1, #mark) == mark
end

return M
