--- `moonsand completion SHELL`: what a shell has to know to complete the verbs and their options.
--- All of it is made of the parsers, so it cannot say what they do not.
local main = require "moonsand.cli.main"

local M = {}

---@param parser table
function M.define(parser)
  parser:description("Print completions for a shell: eval \"$(moonsand completion bash)\"")
  parser:argument("shell"):choices {"bash", "fish", "zsh"}
end

---@class moonsand.cli.Verb
---@field name string
---@field about string
---@field options {names: string[], takes: boolean, optional: boolean, argname: string?,
---  about: string, choices: string[]?, attached: string[]}[]
---@field recipes boolean       does it take recipes or tasks?
---@field choices string[]?     of its first argument

local takes_recipes = {target = true, task = true, recipe = true, pattern = true, file = true}

-- An option that may stand alone has its choices behind "=".
local function attached(option)
  local list = {}
  for _, choice in ipairs(option._minargs == 0 and option._choices or {}) do
    if choice ~= "" then list[#list + 1] = choice end
  end
  return list
end

local function option_of(option)
  local argname = option._argname
  return {
    names = option._aliases, takes = option._maxargs > 0, optional = option._minargs == 0,
    attached = attached(option),
    argname = type(argname) == "table" and argname[1] or argname, choices = option._choices,
    about = (option._description or ""):gsub("%s+", " "),
  }
end

--- The verbs, as their parsers have them.
---@return moonsand.cli.Verb[]
function M.verbs()
  local list = {}
  for i, pair in ipairs(main.verbs) do
    local parser = main.parser(pair[1], require("moonsand.cli." .. pair[1]))
    local verb = {name = pair[1], about = pair[2], options = {}, recipes = false}
    for _, option in ipairs(parser._options) do
      if not option._hidden then table.insert(verb.options, option_of(option)) end
    end
    for _, argument in ipairs(parser._arguments) do
      verb.recipes = verb.recipes or takes_recipes[argument._name] == true
      verb.choices = verb.choices or argument._choices
    end
    if verb.name == "help" then
      verb.choices = {}
      for j, other in ipairs(main.verbs) do verb.choices[j] = other[1] end
    end
    list[i] = verb
  end
  return list
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function words_of(verb)
  local words = {}
  for _, option in ipairs(verb.options) do
    for _, name in ipairs(option.names) do
      words[#words + 1] = name
      for _, choice in ipairs(option.attached) do words[#words + 1] = name .. "=" .. choice end
    end
  end
  return table.concat(words, " ")
end

local function bash_values(lines, verb)
  for _, option in ipairs(verb.options) do
    if option.takes and not option.optional then
      local how = option.choices and "-W " .. quote(table.concat(option.choices, " ")) or "-f"
      lines[#lines + 1] = ("      %s) COMPREPLY=($(compgen %s -- \"$word\")); return ;;"):format(
        quote(table.concat(option.names, "\0")):gsub("%z", "'|'"), how)
    end
  end
end

local function bash_verb(lines, verb)
  lines[#lines + 1] = ("  %s)\n    case $before in"):format(verb.name)
  bash_values(lines, verb)
  lines[#lines + 1] = "    esac"
  lines[#lines + 1] = ("    options=%s"):format(quote(words_of(verb)))
  if verb.choices then
    lines[#lines + 1] = ("    arguments=%s"):format(quote(table.concat(verb.choices, " ")))
  elseif verb.recipes then
    lines[#lines + 1] = "    arguments=$(_moonsand_recipes)"
  end
  lines[#lines + 1] = "    ;;"
end

local bash_head = [[
# Completions of moonsand for bash; made by `moonsand completion bash`.
_moonsand_recipes() {
  moonsand recipes 2>/dev/null | sed 's/ .*//'
}

_moonsand() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local options='' arguments='' i
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W @VERBS@ -- "$word") $(compgen -f -X '!*.lua' -- "$word"))
    return
  fi
  for ((i = 2; i < COMP_CWORD; i++)); do
    if [ "${COMP_WORDS[i]}" = -- ]; then
      COMPREPLY=($(compgen -c -f -- "$word"))
      return
    fi
  done
  case ${COMP_WORDS[1]} in
]]

local bash_tail = [[
  esac
  case $word in
  -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
  *) COMPREPLY=($(compgen -W "$arguments" -- "$word") $(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _moonsand moonsand
]]

local writers = {}

function writers.bash(verbs)
  local names, lines = {}, {}
  for i, verb in ipairs(verbs) do names[i] = verb.name end
  for _, verb in ipairs(verbs) do bash_verb(lines, verb) end
  local head = bash_head:gsub("@VERBS@", function() return quote(table.concat(names, " ")) end)
  return head .. table.concat(lines, "\n") .. "\n" .. bash_tail
end

function writers.fish(verbs)
  local lines = {
    "# Completions of moonsand for fish; made by `moonsand completion fish`.",
    "function __moonsand_recipes",
    "    moonsand recipes 2>/dev/null | string replace -r ' .*' ''", "end",
  }
  local function add(...)
    lines[#lines + 1] = "complete -c moonsand " .. table.concat({...}, " ")
  end
  for _, verb in ipairs(verbs) do
    add("-n __fish_use_subcommand -f -a", verb.name, "-d", quote(verb.about))
    local seen = "-n " .. quote("__fish_seen_subcommand_from " .. verb.name)
    for _, option in ipairs(verb.options) do
      local words = {seen}
      for _, name in ipairs(option.names) do
        local long = name:match "^%-%-(.*)"
        words[#words + 1] = long and "-l " .. quote(long) or "-s " .. quote(name:sub(2))
      end
      if option.choices and not option.optional then
        words[#words + 1] = "-x -a " .. quote(table.concat(option.choices, " "))
      elseif option.takes and not option.optional then
        words[#words + 1] = "-r"
      end
      add(table.concat(words, " "), "-d", quote(option.about))
      for _, choice in ipairs(option.attached) do
        local long = option.names[#option.names]:match "^%-%-(.*)"
        add(seen, "-l", quote(long .. "=" .. choice), "-d", quote(option.about))
      end
    end
    if verb.choices then
      add(seen, "-f -a", quote(table.concat(verb.choices, " ")))
    elseif verb.recipes then
      add(seen, "-a '(__moonsand_recipes)'")
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

-- A description inside of a specification of _arguments.
local function zsh_text(text)
  return (text:gsub("[%[%]:\\]", "\\%0"))
end

local function zsh_option(option)
  local value, joint = "", ""
  if option.attached[1] then
    joint, value = "=-", "::" .. zsh_text(option.argname) .. ":(" ..
      table.concat(option.attached, " ") .. ")"
  elseif option.takes then
    local action = option.choices and "(" .. table.concat(option.choices, " ") .. ")" or "_files"
    local colon = option.optional and "::" or ":"
    value = colon .. zsh_text(option.argname or "value") .. ":" .. action
  end
  local lines = {}
  for i, name in ipairs(option.names) do
    lines[i] = "      " .. quote(("*%s%s[%s]%s"):format(name:gsub("?", "\\?"), joint,
      zsh_text(option.about), value)) .. " \\"
  end
  return table.concat(lines, "\n")
end

function writers.zsh(verbs)
  local lines = {
    "#compdef moonsand", "# Completions of moonsand for zsh; made by `moonsand completion zsh`.",
    "_moonsand_recipes() {", "  local -a recipes",
    "  recipes=(${(f)\"$(moonsand recipes 2>/dev/null | sed 's/ .*//')\"})",
    "  compadd -S '' -a recipes", "}", "", "_moonsand() {", "  local -a verbs", "  verbs=(",
  }
  for _, verb in ipairs(verbs) do
    lines[#lines + 1] = "    " .. quote(verb.name .. ":" .. verb.about)
  end
  lines[#lines + 1] = "  )\n  if (( CURRENT == 2 )); then\n    _describe verb verbs\n" ..
    "    _files -g '*.lua'\n    return\n  fi\n  local verb=$words[2]\n  shift words\n" ..
    "  (( CURRENT-- ))\n  case $verb in"
  for _, verb in ipairs(verbs) do
    lines[#lines + 1] = ("  %s)\n    _arguments \\"):format(verb.name)
    for _, option in ipairs(verb.options) do lines[#lines + 1] = zsh_option(option) end
    local rest = verb.choices and "(" .. table.concat(verb.choices, " ") .. ")"
      or verb.recipes and "_moonsand_recipes" or "_files"
    lines[#lines + 1] = "      " .. quote("*:argument:" .. rest) .. "\n    ;;"
  end
  lines[#lines + 1] = "  esac\n}\n\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n" ..
    "  _moonsand \"$@\"\nelse\n  compdef _moonsand moonsand\nfi\n"
  return table.concat(lines, "\n")
end

--- The completions for a shell.
---@param shell "bash"|"fish"|"zsh"
---@return string
function M.text(shell)
  return writers[shell](M.verbs())
end

---@param args {shell: string}
---@param ui moonsand.Interface
---@return integer code
function M.run(args, ui)
  ui:print(M.text(args.shell))
  return 0
end

return M
