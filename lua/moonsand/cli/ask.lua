--- `--on-failure=ask`: what to do about a task that failed, asked at the terminal. It waits in the
--- loop of the build, so what runs goes on, and ends; what is told of it is drawn after the answer,
--- and is in a file until then: an answer may take a night, and tasks print much.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local failure = require "moonsand.cli.show.failure"
local json = require "dkjson"
local loop = require "moonsand.loop"
local read = require("moonsand.text").read

local M = {}

local PAUSE <const> = 0.2 -- seconds between two looks whether somebody else still asks
local QUESTION <const> =
  "[c]ontinue with the rest, [q]uit, [r]etry, [l]og, [s]hell, [w]hy? "

--- What a word means; nil when it is none.
---@param word string
---@return "keep-going"|"stop"|"retry"|"log"|"shell"|"why"|nil
function M.meaning(word)
  local meanings = {
    c = "keep-going", continue = "keep-going", q = "stop", quit = "stop", r = "retry",
    retry = "retry", l = "log", log = "log", s = "shell", shell = "shell", w = "why", why = "why",
  }
  return meanings[word:lower()]
end

-- One line of the terminal; nil at its end. Signals are the tick's, as ever.
local function line()
  local text = ""
  while not text:find "\n" do
    loop.wait {{fd = 0}}
    local bytes = core.read(0, 256)
    if not bytes or bytes == "" then return nil end
    text = text .. bytes
  end
  return text:match "^%s*(%S*)"
end

local acts = {}

function acts.log(event, _, ui)
  ui:say(event.log and read(event.log) or "there is no log\n")
end

function acts.shell(event, args, ui)
  local shell = require "moonsand.cli.shell"
  shell.enter({task = event.task, state = args.state}, ui)
end

function acts.why(event, args, ui)
  require "moonsand.cli.why".run({task = event.task, state = args.state}, ui)
end

-- A mistake in what was asked for does not end the build.
local function act(what, event, args, ui)
  local ok, problem = xpcall(acts[what], fault.traced, event, args, ui)
  if ok then return end
  if not fault.is(problem) then error(problem, 0) end
  ui:failure(problem)
end

-- One question at a time.
local function turn(state)
  while state.asking do loop.wait({}, PAUSE) end
  state.asking = true
  return setmetatable({}, {__close = function() state.asking = false end})
end

local function answer(event, args, ui)
  while true do
    ui:say(QUESTION)
    ui.err:flush()
    local word = line()
    local what = word == nil and "stop" or M.meaning(word)
    if what and not acts[what] then return what end
    if what then act(what, event, args, ui) end
  end
end

---@class moonsand.cli.Held   a listener that can be told to wait
local Held = {__name = "moonsand.cli.Held"}
Held.__index = Held

function Held:event(event)
  if self.kept then
    fault.unless("fs", self.kept:write(json.encode(event), "\n"))
  else
    self.listener:event(event)
  end
end

function Held:tick()
  if not self.kept then self.listener:tick() end
end

--- Draw nothing until what is returned is closed; then all that was sent meanwhile.
function Held:hold()
  if self.listener.pause then self.listener:pause() end
  self.kept = fault.unless("fs", io.tmpfile()) -- it has no name, so nothing is left of it
  return setmetatable({}, {__close = function()
    local kept <close> = self.kept
    self.kept = nil
    if not kept then return end
    fault.unless("fs", kept:seek "set")
    for each in kept:lines() do self.listener:event((json.decode(each))) end
  end})
end

function Held:close()
  if self.kept then self.kept:close() end
  self.kept = nil
  self.listener:close()
end

--- A listener that waits while a question stands on the screen.
---@param listener table
---@return moonsand.cli.Held
function M.held(listener)
  return setmetatable({listener = listener}, Held)
end

--- A function that asks what to do, for `moonsand.build`'s `on_failure`.
---@param args table
---@param ui moonsand.Interface
---@param listener moonsand.cli.Held
---@return fun(event: moonsand.build.Event): string
function M.new(args, ui, listener)
  local state = {}
  return function(event)
    local _ <close> = turn(state)
    local held <close> = listener:hold() -- luacheck: ignore 211
    ui:say("\n", ui:drawn(failure.block(event, event.log and read(event.log),
      {width = (ui.size()), here = core.realpath(".")})), "\n")
    return answer(event, args, ui)
  end
end

return M
