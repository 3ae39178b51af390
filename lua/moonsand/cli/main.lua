--- `moonsand VERB ...` and `moonsand SCRIPT.lua ...`: find the verb, run it, leave with its code.
--- Modules are loaded when they are needed, so that a small command starts fast.
local fault = require "moonsand.fault"
local interface = require "moonsand.cli.interface"
local lean = require "moonsand.cli.lean"

local M = {}

--- The verbs, in the order of `moonsand --help`. Each is a module `moonsand.cli.VERB` with
--- `define(parser)` and `run(args, ui) -> exit code`; `rest = true` takes the words after `--`;
--- `closes_all = true`: what it opens is closed when it returns, so nobody has to collect it;
--- `lean = true`: no option has a value when it is not given; `hint` is what a mistake in the
--- options is answered with.
M.verbs = {
  {"build", "build recipes, or single tasks of them"},
  {"plan", "what a build would run and why; nothing is run"},
  {"run", "run a command in a sandbox made by hand"},
  {"shell", "a shell in a sandbox, or in the sandbox of a task"},
  {"log", "what a task said when it last ran"},
  {"why", "what made a task run, to the root of it"},
  {"diff", "what a task changed, and what its last two results differ in"},
  {"report", "a page about a build, in one file"},
  {"vars", "the variables of a recipe, and where their values come from"},
  {"recipes", "the recipes that there are"},
  {"tasks", "the tasks of a recipe, and what they wait for"},
  {"graph", "the tasks that a target needs, and why it needs one"},
  {"parse", "read all recipes, and say everything that is wrong with them"},
  {"lint", "slips in metadata that are taken without a word"},
  {"cache", "what the store holds; check it, collect what nobody needs"},
  {"doctor", "what this host can do, and what to do about what it cannot"},
  {"completion", "completions for bash, fish and zsh"},
  {"repl", "a Lua prompt with the toolkit at hand"},
  {"help", "the options of a verb"},
  {"version", "the version"},
}

local function names()
  local list = {}
  for i, verb in ipairs(M.verbs) do list[i] = verb[1] end
  return list
end

--- A table that is thrown when `--help` stands among the options; it prints `text` and ends well.
local Help = {__name = "moonsand.Help"}

local function new_parser(name, verb, words)
  local argparse = require "argparse"
  local parser = argparse("moonsand " .. name):add_help(false)
  parser.error = function(_, text)
    local number = text:match "^unknown option '(%-%d[^']*)'"
    if number then
      fault.throw("usage", ("'%s' is no option"):format(number), {
        hint = ("a value that begins with - is written with =, as in --option=%s"):format(number)})
    end
    if text:find "^unknown option '%-%-runall" then
      fault.throw("usage", (text:gsub("\n", " ")), {hint = "--until TASK is bitbake's --runall"})
    end
    fault.throw("usage", (text:gsub("\n", " ")), {hint = verb.hint or "moonsand help " .. name})
  end
  parser:flag("-h --help"):description("Show this help and leave."):action(function()
    error(setmetatable({text = parser:get_help() .. "\n"}, Help), 0)
  end)
  verb.define(words and lean.parser(parser, words) or parser)
  return parser
end

--- The argparse parser of a verb. Its mistakes are faults of kind "usage".
---@param name string
---@param verb table   the module of the verb
---@return table parser
function M.parser(name, verb)
  return new_parser(name, verb)
end

--- The same with only those options that stand among the words.
---@param name string
---@param verb table
---@param words string[]
---@return table parser
function M.lean_parser(name, verb, words)
  return new_parser(name, verb, words)
end

--- Mistakes and `--help` are for the parser that knows all options.
local function parsed(name, verb, words)
  if verb.lean then
    if #words == 0 then return {} end
    local ok, args = pcall(function() return new_parser(name, verb, words):parse(words) end)
    if ok then return args end
  end
  return M.parser(name, verb):parse(words)
end

--- Split the words at the first `--`.
local function split(words)
  for i, word in ipairs(words) do
    if word == "--" then
      return table.move(words, 1, i - 1, 1, {}), table.move(words, i + 1, #words, 1, {})
    end
  end
  return words, nil
end

--- Where a command begins that stands there without `--`: the words before it are options.
local function command_at(name, verb, words)
  for i, word in ipairs(words) do
    if word:sub(1, 1) ~= "-" then
      local before = table.move(words, 1, i - 1, 1, {})
      local with = table.move(words, 1, i, 1, {})
      if pcall(function() M.parser(name, verb):parse(before) end)
        and not pcall(function() M.parser(name, verb):parse(with) end) then
        return i
      end
    end
  end
end

--- A command without `--` before it is shown with one.
local function check_rest(name, verb, words)
  local at = command_at(name, verb, words)
  if not at then return end
  local shown = table.move(words, 1, at - 1, 3, {"moonsand", name})
  shown[#shown + 1] = "--"
  table.move(words, at, #words, #shown + 1, shown)
  fault.throw("usage", ("there is no '--' before the command '%s'"):format(words[at]), {
    hint = table.concat(shown, " ")})
end

--- Parse the words of a verb into one table of arguments.
---@param name string
---@param verb table
---@param words string[]
---@return table args
function M.parse(name, verb, words)
  local rest
  if verb.rest then words, rest = split(words) end
  if verb.check_words then verb.check_words(words) end
  local ok, args = pcall(parsed, name, verb, words)
  if not ok and verb.rest and not rest and fault.is(args) then check_rest(name, verb, words) end
  if not ok then error(args, 0) end
  args.rest = rest
  return args
end

local function run_verb(name, words, ui)
  local verb = require("moonsand.cli." .. name)
  local code = verb.run(M.parse(name, verb, words), ui)
  ui.nothing_open = verb.closes_all
  return code
end

--- Run a Lua file as a script of its own: `arg` and `...` as the lua command sets them.
local function run_script(path, words)
  local chunk, problem = loadfile(path)
  if not chunk then fault.throw("usage", problem) end
  words[0] = path
  _G.arg = words -- luacheck: ignore (a script finds its words there, as under the lua command)
  chunk(table.unpack(words))
  return 0
end

local function unknown(word)
  if word:sub(1, 1) == "-" then
    fault.throw("usage", ("unknown option '%s'"):format(word), {hint = "moonsand --help"})
  end
  local near = fault.nearest(word, names())
  fault.throw("usage", ("unknown verb '%s'"):format(word), {
    hint = near and ("did you mean 'moonsand %s'?"):format(near) or "moonsand --help",
  })
end

local aliases = {["--help"] = "help", ["-h"] = "help", ["--version"] = "version"}

--- Run one command line.
---@param words string[]
---@param ui moonsand.Interface
---@return integer code
function M.run(words, ui)
  local first = words[1]
  if not first then
    ui:say(require "moonsand.cli.help".overview())
    return 2
  end
  local name = aliases[first] or first
  local rest = table.move(words, 2, #words, 1, {})
  for _, verb in ipairs(names()) do
    if verb == name then return run_verb(name, rest, ui) end
  end
  if first:find("%.lua$") then
    ui.script = first
    return run_script(first, rest)
  end
  return unknown(first)
end

--- The lua command turns ctrl-C into an error with this text.
local function traced(value)
  if getmetatable(value) == Help then return value end
  if type(value) == "string" and value:find("interrupted!$") then
    return fault.new("interrupted", "interrupted")
  end
  return fault.traced(value)
end

--- Run one command line and show how it failed, if it did. Never throws.
---@param words string[]
---@param ui moonsand.Interface
---@return integer code
function M.call(words, ui)
  local ok, result = xpcall(M.run, traced, words, ui)
  if ok then return result end
  if getmetatable(result) == Help then
    ui:print(result.text)
    return 0
  end
  ui:failure(result)
  if ui.script and not fault.is(result) then return 1 end
  return fault.code(result)
end

--- The whole program: never returns.
---@param words string[]   the command line
---@param home table       where the parts are: {lua=, lib=, recipes=, python=} (bin/moonsand)
function M.main(words, home)
  local ui = interface.new {home = home}
  local code = M.call(words, ui)
  os.exit(code, not ui.nothing_open)
end

return M
