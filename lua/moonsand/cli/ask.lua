--- `--on-failure=ask`: what to do about a task that failed, asked at the terminal. Nothing new
--- starts meanwhile, and what runs goes on for as long as it has nothing to say.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local failure = require "moonsand.cli.show.failure"
local read = require("moonsand.text").read

local M = {}

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

-- One line of the terminal; nil at its end. A signal that arrives meanwhile is an error, as ever.
local function line(watched)
  local text = ""
  while not text:find "\n" do
    core.poll {{fd = 0}, watched.entry()}
    watched.tick()
    if #core.poll({{fd = 0}}, 0) > 0 then
      local bytes = core.read(0, 256)
      if not bytes or bytes == "" then return nil end
      text = text .. bytes
    end
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

--- A function that asks what to do, for `moonsand.build`'s `on_failure`.
---@param args table
---@param ui moonsand.Interface
---@param listener table   that draws
---@param watched {tick: fun(), entry: fun(): table}   signals
---@return fun(event: moonsand.build.Event): string
function M.new(args, ui, listener, watched)
  local function decide(event)
    if listener.pause then listener:pause() end
    ui:say("\n", ui:drawn(failure.block(event, event.log and read(event.log),
      {width = (ui.size()), here = core.realpath(".")})), "\n")
    while true do
      ui:say(QUESTION)
      ui.err:flush()
      local word = line(watched)
      local what = word == nil and "stop" or M.meaning(word)
      if what and not acts[what] then return what end
      if what then act(what, event, args, ui) end
    end
  end
  -- In a coroutine that is none of the loop's, waiting holds everything: nobody else draws.
  return function(event) return coroutine.wrap(decide)(event) end
end

return M
