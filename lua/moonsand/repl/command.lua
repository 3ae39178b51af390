--- The commands that start with a colon. Each carries its own help; the verbs of moonsand are
--- commands, too, with their own options.
local box = require "moonsand.repl.box"
local fault = require "moonsand.fault"
local recipe = require "moonsand.repl.recipe"
local split = require("moonsand.repl.words").split

local M = {}

---@class moonsand.Command
---@field name string
---@field args? string     what stands after it
---@field help string      one line
---@field more? string     for :help NAME
---@field run fun(session: moonsand.Session, words: string)

--- The live sandbox that an expression names; nil when it is something else.
local function live(session, words)
  local chunk = words ~= "" and load("return " .. words, "=input", "t", session.scope)
  local ok, value = pcall(chunk or error)
  return ok and box.is(value) and value or nil
end

local function wanted(session, words, name)
  local found = live(session, words)
  if found then return found end
  local problem = words == "" and "no sandbox is named" or ("'%s' is no live sandbox"):format(words)
  fault.throw("usage", problem, {hint = ":help " .. name})
end

local function verb(session, name, words)
  session.outside.verb(name, split(words))
end

local function diff(session, words)
  local found = live(session, words)
  if found then return session:show(found:diff()) end
  M.known(session, "diff", "a sandbox")
  verb(session, "diff", words)
end

local function shell(session, words)
  local found = live(session, words)
  if not found then return verb(session, "shell", words) end
  local own = {}
  for key, value in pairs(found.options) do own[key] = value end
  own.script = "if command -v bash >/dev/null; then exec bash --norc --noprofile -i; fi; exec sh -i"
  own.env = {PS1 = ("(sandbox %d) \\w $ "):format(found.number)}
  for key, value in pairs(found.options.env or {}) do own.env[key] = value end
  session.outside.attached(own)
end

local function where(session, words)
  local head, name = words:match "^(.-)[%.%[]%s*\"?([%w_:%-]+)\"?%]?$"
  local chunk = head and load("return " .. head, "=input", "t", session.scope)
  local ok, value = pcall(chunk or error)
  if ok and recipe.is(value) then
    session.outside.verb("vars", {value.file, name, "--where"})
  else
    local list = split(words)
    if #list ~= 2 then
      fault.throw("usage", "no variable of a recipe is named", {hint = ":help where"})
    end
    session.outside.verb("vars", {list[1], list[2], "--where"})
  end
end

local function freeze(session, words)
  local name, layer = words:match "^(.-)%s+(%S+)$"
  if not name then fault.throw("usage", "no name for the layer", {hint = ":help freeze"}) end
  session:show(wanted(session, name, "freeze"):freeze(layer))
end

local function list_of(session)
  session:say("Lua 5.4 with sandbox, layer, recipe, build and core at hand; `_` is the last\n" ..
    "result, an unfinished chunk goes on in the next line, Tab completes, ctrl-C\n" ..
    "stops what runs. :help NAME says more.\n\n")
  for _, command in ipairs(M.list) do
    session:say(("  :%-20s %s\n"):format(command.name .. (command.args or ""), command.help))
  end
  local names = {}
  for _, pair in ipairs(session.outside.verbs or {}) do
    if not M.own(pair[1]) then names[#names + 1] = ":" .. pair[1] end
  end
  if #names > 0 then
    session:say("\n  and the verbs of moonsand: " .. table.concat(names, " ") .. "\n")
  end
end

local functions = {
  sandbox = [[
sandbox {OPTION = VALUE, ...}   a live sandbox; what is written in it is kept
  The options are those of moonsand-run(1) and sandbox.new; besides,
  layers = {base, ...}          what / is made of, first wins
  binds = {["/src"] = "."}      the map form of binds, read-only
  net = "host"                  as the option --net
  box:run "make"                run a script, show what it says; _.text has it
  box:output "uname -m"         what a script says, as a text
  box:files "/work"             iterate over the names in a directory
  box:diff()  box:fork()  box:freeze "NAME"  box:plan()  box:close()
]],
  layer = [[
layer "NAME"                    a layer that box:freeze or layer has made
layer("NAME", "DIRECTORY")      make one of a directory, such as a root file system
]],
  recipe = [[
recipe "zlib"                   a live recipe, by its name or its file
  r.CFLAGS                      the value of a variable    (:where r.CFLAGS)
  r:tasks()  r:task "compile"   its tasks
  r:task("compile"):sig()       the signature of a task; with {CFLAGS = "-O3"}, what
                                it would be
  r:build()                     build it
]],
  build = [[
build "zlib"                    as :build zlib; true when all went well
build {"zlib", "busybox"}
]],
}

local function help(session, words)
  local name = words:match "^:?(.*)$"
  if name == "" then return list_of(session) end
  local own = M.own(name)
  if own then
    session:say((":%s%s   %s\n%s"):format(own.name, own.args or "", own.help,
      own.more and own.more .. "\n" or ""))
  elseif functions[name] then
    session:say(functions[name])
  else
    M.known(session, name)
  end
  local is_verb = pcall(M.known, session, name)
  if is_verb then session:say(session.outside.help(name)) end
end

---@type moonsand.Command[]
M.list = {
  {name = "help", args = " [NAME]", help = "this list, or more about a command or a function",
    run = help},
  {name = "where", args = " r.NAME", help = "where a variable's value comes from",
    more = "Every statement that had a part in it, the last one first. `:where zlib CFLAGS`\n" ..
      "asks for a recipe by its name.", run = where},
  {name = "diff", args = " SANDBOX", help = "what was written in a live sandbox",
    more = "A: added, M: modified, D: deleted. The value is a list of {mark, path, type, size}.",
    run = diff},
  {name = "shell", args = " SANDBOX", help = "a shell in a live sandbox, or in that of a task",
    more = "`exit` comes back here. What is written stays in the sandbox.", run = shell},
  {name = "fork", args = " SANDBOX", help = "a second sandbox over what one has written",
    more = "It is in `_`: `try = _` keeps it. Neither sees what the other writes from then on.",
    run = function(session, words) session:show(wanted(session, words, "fork"):fork()) end},
  {name = "freeze", args = " SANDBOX NAME", help = "make a layer of what was written",
    more = "`layer \"NAME\"` finds it again, today or in a week. The sandbox goes on over it.",
    run = freeze},
  {name = "quit", help = "leave, and close all sandboxes; so does ctrl-D",
    run = function(session) session.over = true end},
}

--- A command of this list, by its name.
---@param name string
---@return moonsand.Command?
function M.own(name)
  for _, command in ipairs(M.list) do
    if command.name == name then return command end
  end
end

--- All names of commands.
---@param session moonsand.Session
---@return string[]
function M.names(session)
  local names = {}
  for i, command in ipairs(M.list) do names[i] = command.name end
  for _, pair in ipairs(session.outside.verbs or {}) do
    if not M.own(pair[1]) then names[#names + 1] = pair[1] end
  end
  return names
end

--- Is there a verb of this name? A fault when not.
---@param session moonsand.Session
---@param name string
---@param takes? string   what the command of this name takes, when there is one
function M.known(session, name, takes)
  for _, pair in ipairs(session.outside.verbs or {}) do
    if pair[1] == name then return end
  end
  if takes then
    fault.throw("usage", (":%s takes %s"):format(name, takes), {hint = ":help " .. name})
  end
  local near = fault.nearest(name, M.names(session))
  fault.throw("usage", ("unknown command ':%s'"):format(name), {
    hint = near and ("did you mean ':%s'?"):format(near) or ":help",
  })
end

--- Run ":name words".
---@param session moonsand.Session
---@param line string
function M.run(session, line)
  local name, words = line:match "^:%s*(%S*)%s*(.-)%s*$"
  local own = M.own(name)
  if own then return own.run(session, words) end
  M.known(session, name)
  verb(session, name, words)
end

return M
