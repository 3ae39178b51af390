--- `moonsand repl`: a Lua prompt with the toolkit at hand.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local project = require "moonsand.cli.project"

local M = {}

---@param parser table
function M.define(parser)
  parser:description("A Lua prompt with the toolkit at hand. Without a terminal it takes what\n" ..
    "it reads line by line, and asks nothing.")
  parser:argument("recipe"):args("?"):description("is `r` at the prompt")
  parser:option("--state"):argname("DIR")
    :description("where store, downloads and logs are (MOONSAND_DIR, else ~/.cache/moonsand)")
end

--- What the prompt needs of the command around it.
---@param args {state?: string}
---@param ui moonsand.Interface
---@return moonsand.repl.Outside
function M.outside(args, ui)
  local main = require "moonsand.cli.main"
  local verbs = {}
  for _, verb in ipairs(main.verbs) do
    if verb[1] ~= "repl" and verb[1] ~= "help" then verbs[#verbs + 1] = verb end
  end
  local function module(name) return require("moonsand.cli." .. name) end
  return {
    verbs = verbs,
    write = function(text)
      ui:print(text)
      ui.out:flush()
    end,
    place = function() return project.place(ui, args.state) end,
    configure = function() return project.configure(ui) end,
    recipe = project.recipe,
    builder = function(options)
      options.state = args.state
      return project.builder(ui, options)
    end,
    attached = function(spec) return module "shell".attached(spec) end,
    verb = function(name, words)
      ui.out:flush()
      return main.run({name, table.unpack(words)}, ui)
    end,
    help = function(name) return main.parser(name, module(name)):get_help() .. "\n" end,
    options = function(name)
      local list = {}
      for option in main.parser(name, module(name)):get_help():gmatch "%-%-[%w][%w?-]*" do
        list[#list + 1] = option
      end
      return list
    end,
  }
end

-- Whoever has no terminal, or one that cannot move its cursor, is given no editor.
local function editor_of(ui)
  if ui.input or not core.isatty(0) or not core.isatty(1) then return nil end
  if (ui.env "TERM" or "dumb") == "dumb" then return nil end
  local editor, problem = core.editor "moonsand"
  if not editor then ui:say("moonsand: ", problem, "\n") end
  return editor
end

local function history_of(ui, editor)
  local history = require "moonsand.repl.history"
  local place = history.place(ui.env)
  if not place then return nil end
  local ok, own = pcall(history.open, place)
  if not ok then
    ui:say("moonsand: no history: ", tostring(own), "\n")
    return nil
  end
  for _, line in ipairs(own:lines()) do editor:add(line) end
  return own
end

--- Lines of the terminal, with editing. false: what was typed is to be forgotten.
local function edited(ui, editor, session)
  local complete = require "moonsand.repl.complete"
  local history = history_of(ui, editor)
  local function width()
    local _, columns = core.window(1)
    return columns and columns > 0 and columns or 80
  end
  local function read(prompt)
    return editor:read(prompt, function(before)
      return complete.complete(session, before, width())
    end)
  end
  return function(prompt)
    ui.out:flush()
    local ok, line = core.interruptible(read, fault.traced, prompt)
    if not ok then
      if type(line) == "string" and line:find("interrupted!", 1, true) then return false end
      error(line, 0)
    end
    if line and line:find "%S" then
      editor:add(line)
      if history then history:add(line) end
    end
    return line
  end
end

--- Lines of a stream.
local function plain(ui, asks)
  local input = ui.input or io.stdin
  return function(prompt)
    if asks then
      ui:print(prompt)
      ui.out:flush()
    end
    return input:read "l"
  end
end

local function greet(ui)
  local doctor = require "moonsand.sandbox.doctor"
  local fine = doctor.look("user-namespaces").ok and doctor.look("overlay").ok
  ui:print(require "moonsand"._VERSION, " · ", _VERSION, " · user namespaces, overlay: ",
    fine and "yes" or "no, see :doctor", "      :help  :quit\n")
end

local function talk(session, read)
  while not session.over do
    local line = read(session:continues() and ">> " or "> ")
    if line == nil then return end
    if line then session:feed(line) else session:forget() end
  end
end

---@param args table
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  local session = require "moonsand.repl.session".new(M.outside(args, ui))
  local asks = ui.asks
  if asks == nil then asks = core.isatty(0) end
  if asks then greet(ui) end
  if args.recipe then session:feed(("r = recipe %q; return r"):format(args.recipe)) end
  local editor <close> = editor_of(ui)
  talk(session, editor and edited(ui, editor, session) or plain(ui, asks))
  if asks and not session.over then ui:print "\n" end
  local count = session:finish()
  if asks and count > 0 then
    ui:print(("closed %d sandbox%s\n"):format(count, count == 1 and "" or "es"))
  end
  return 0
end

return M
