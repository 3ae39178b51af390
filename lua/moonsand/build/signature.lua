--- What a task's result depends on, as a text: one line an entry, sorted, its parts split by tabs.
--- The key of a task is the SHA-256 of that text, and the difference of two texts is the answer to
--- "why did it run again". No host path, time, user or job count is in it.
local comments = require "moonsand.build.comments"
local core = require "moonsand.core"
local mixed = require "moonsand.build.mixed"
local multiconfig = require "moonsand.recipe.multiconfig"
local order = require "moonsand.order"
local recipes = require "moonsand.recipe"
local sources = require "moonsand.build.source"
local variables = require "moonsand.build.variables"
local words = require("moonsand.text").words

local M = {}

-- Raise it when the meaning of an entry changes: all earlier results are then unknown.
local FORMAT <const> = "moonsand signature 1"

-- Flags of a task that change what it does. Dependency flags are in the inputs, not here.
local task_flags = {
  "builtin", "cleandirs", "collect", "dirs", "host", "network", "noexec", "postfuncs", "prefuncs",
  "root", "sources", "umask",
}

local escapes = {["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\0"] = "\\0"}
local plain = {["\\"] = "\\", n = "\n", t = "\t", r = "\r", ["0"] = "\0"}

local function escape(text)
  if not text:find "[\\%c]" then return text end -- most have none, and a look is cheap
  return (text:gsub("[\\\n\t\r%z]", escapes))
end

local function unescape(text)
  return (text:gsub("\\(.)", plain))
end

---@class moonsand.build.Signature
local Signature = {__name = "moonsand.build.Signature"}
Signature.__index = Signature

local function line_of(kind, name, value)
  return ("%s\t%s\t%s"):format(escape(kind), escape(name), escape(value))
end

--- Add an entry. The three parts may hold anything: separators in them are escaped.
---@param kind string    "variable", "function", "flag", "source", "input", ...
---@param name string
---@param value string
function Signature:add(kind, name, value)
  self[#self + 1] = line_of(kind, name, value)
end

-- What the lines of all inputs begin with: sorted, they stand together.
local INPUT <const> = "input\t"

--- No more entries but inputs. A task waits with its lines, of which it has most in common with
--- others, so each line is one string for all.
---@param lines table<string, string>   what `seal` knows of other signatures, each under itself
function Signature:seal(lines)
  table.sort(self)
  self.before = #self -- how many lines stand before those of the inputs
  for i = #self, 1, -1 do
    local line = self[i]
    if not lines[line] then lines[line] = line end
    self[i] = lines[line]
    if line > INPUT then self.before = i - 1 end
  end
end

--- The canonical text, once it is sealed.
---@param inputs string[]   what each of them is, and its value, by turns
---@return string
function Signature:text(inputs)
  local list = {}
  for i = 1, #inputs, 2 do
    list[#list + 1] = ("%s%s\t%s"):format(INPUT, escape(inputs[i]), escape(inputs[i + 1]))
  end
  table.sort(list)
  local lines = table.move(self, 1, self.before, 2, {FORMAT})
  table.move(list, 1, #list, #lines + 1, lines)
  table.move(self, self.before + 1, #self, #lines + 1, lines)
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

---@return moonsand.build.Signature
function M.new()
  return setmetatable({}, Signature)
end

--- The entries of a canonical text: "kind\tname" (escaped) -> value.
---@param text string
---@return table<string, string>
function M.parse(text)
  local entries = {}
  for line in text:gmatch "[^\n]+" do
    local name, value = line:match "^([^\t]*\t[^\t]*)\t([^\t]*)$"
    if name then entries[name] = unescape(value) end
  end
  return entries
end

--- Kind and name of an entry, from its name in `parse`.
---@param entry string
---@return string kind
---@return string name
function M.split(entry)
  local kind, name = entry:match "^([^\t]*)\t(.*)$"
  return unescape(kind), unescape(name)
end

---@class moonsand.build.Difference
---@field kind string
---@field name string
---@field entry string  its name in `parse`
---@field old? string   nil: it was not there
---@field new? string   nil: it is gone

--- What differs between two texts, sorted by kind and name.
---@param old string
---@param new string
---@return moonsand.build.Difference[]
---@return table<string, integer> same   kind -> how many entries are equal
function M.difference(old, new)
  local before, after, all, list, same = M.parse(old), M.parse(new), {}, {}, {}
  for name in pairs(before) do all[name] = true end
  for name in pairs(after) do all[name] = true end
  for name in order.sorted(all) do
    local kind, label = M.split(name)
    if before[name] == after[name] then
      same[kind] = (same[kind] or 0) + 1
    else
      list[#list + 1] = {
        kind = kind, name = label, entry = name, old = before[name], new = after[name],
      }
    end
  end
  return list, same
end

-- Directories of the metadata have another name in every clone; what lies in them is hashed itself.
local function portable(text, directories)
  for _, directory in ipairs(directories) do
    text = text:gsub(directory.pattern, directory.replacement)
  end
  return text
end

--- How to spell host directories in a signature: longest first, each with a name of its own.
---@param list table<string, string>   name -> directory
---@return table[]
function M.directories(list)
  local result = {}
  for name, path in order.sorted(list) do
    if #path > 1 then
      result[#result + 1] = {
        size = #path, pattern = path:gsub("%p", "%%%0"), replacement = ("<%s>"):format(name),
      }
    end
  end
  table.sort(result, function(a, b)
    if a.size ~= b.size then return a.size > b.size end
    return a.replacement < b.replacement
  end)
  return result
end

-- The text of a function, without its comments, and all that it was made of.
local function of_function(made, d, name, text)
  local language, raw = mixed.language(d, name), d:raw(name)
  local value = language == "shell" and d:get(name) or nil
  if made and made.text == text and made.language == language and made.raw == raw
    and made.value == value then
    return made
  end
  return {text = text, language = language, raw = raw, value = value,
    rest = comments.without(d, name, text)}
end

-- The entry of a variable or function. What many tasks have alike is made once: `context.made` has
-- the last one of each name.
local function text_line(context, d, name, text, kind)
  local before = context.made[name]
  if before and before.kind ~= kind then before = nil end
  local made = kind == "function" and of_function(before, d, name, text)
    or before and before.text == text and before or {text = text, rest = text}
  if not made.line then
    made.kind, made.line = kind, line_of(kind, name, portable(made.rest, context.directories))
    context.made[name] = made
  end
  return made.line
end

-- The unexpanded texts, as BitBake has it: what they refer to has entries of its own. Only where a
-- text is computed can its value change without it.
local function add_texts(signature, node, context)
  local d, python = variables.of(node), false
  local names, texts = recipes.references(d, node.task)
  names[#names + 1] = node.task
  for _, name in ipairs(names) do
    local kind, text = d:flag(name, "func") and "function" or "variable", texts[name]
    signature[#signature + 1] = text_line(context, d, name, text, kind)
    if kind == "variable" and text:find("${=", 1, true) then
      signature:add("value", name, portable(d:get(name) or "", context.directories))
    end
    if d:flag(name, "export") then
      context.exports[name] = context.exports[name] or line_of("export", name, "1")
      signature[#signature + 1] = context.exports[name]
    end
    python = python or kind == "function" and d:flag(name, "python")
  end
  if not python then return end
  for name, digest in order.sorted(mixed.digests(d)) do signature:add("python", name, digest) end
end

local function add_sources(signature, node)
  local kinds = variables.of(node):flag(node.task, "sources")
  if kinds then
    for i, source in ipairs(sources.select(node.sources, kinds)) do
      signature:add("source", ("%s %s"):format(source.how, source.file), source.sha256)
      signature:add("order", source.file, tostring(i))
    end
    signature:add("listing", kinds, sources.listing(sources.select(node.sources, kinds)))
  end
  if variables.of(node):flag(node.task, "builtin") == "fetch" then
    for _, source in ipairs(node.sources) do
      if source.scheme ~= "file" then
        signature:add("fetch", source.file, source.url .. " " .. source.sha256)
      end
    end
  end
end

-- Flags of a hook that change what it does.
local hook_flags = {"cleandirs", "dirs", "network", "paths", "postfuncs", "prefuncs", "sysroot",
  "umask"}

-- The functions that ROOT_HOOKS or SYSROOT_HOOKS names; whether there are such is asked when they
-- are run.
local function add_hooks(signature, node, context, variable)
  local d = variables.of(node)
  local names = words(d:get(variable))
  signature:add("variable", variable, table.concat(names, " "))
  for _, name in ipairs(names) do
    for _, flag in ipairs(d:raw(name) and hook_flags or {}) do
      local value = d:flag(name, flag)
      if value and value ~= "" then signature:add("flag", name .. " " .. flag, value) end
    end
    if d:raw(name) then add_texts(signature, {data = d, task = name}, context) end
  end
end

-- A task and its hooks may refer to the same.
local function without_doubles(signature)
  local seen, list = {}, M.new()
  for _, line in ipairs(signature) do
    if not seen[line] then list[#list + 1] = line end
    seen[line] = true
  end
  return list
end

---@class moonsand.build.SignatureContext
---@field layout string                    version of the sandbox that tasks run in
---@field host table<string, string>       identity of the host whose /usr the task sees
---@field directories table[]              from `directories`
---@field salt string                       for tasks that are never the same
---@field made table                       empty at first: entries that were made
---@field exports table                    empty at first: those that say what is exported
---@field lines table<string, string>      empty at first: what signatures have in common

local function is_set(value)
  return value and value ~= "" and value ~= "0"
end

--- The entries that both keys of a task begin with; `node.fresh`: it is never the same.
---@param node moonsand.build.Node          with `sources`, the recipe's source list
---@param context moonsand.build.SignatureContext
---@return moonsand.build.Signature
function M.base(node, context)
  local signature, d = M.new(), variables.of(node)
  -- Not of which configuration: what is equal in two of them is one result.
  signature:add("task", "name", multiconfig.relative(node.recipe.configuration, node.name))
  signature:add("layout", "sandbox", context.layout)
  if d:get "MOONSAND_EPOCH" then signature:add("layout", "epoch", d:get "MOONSAND_EPOCH") end
  for name, value in order.sorted(context.host) do
    -- Where the host is not mounted, only the processor is left of it.
    if not node.roots or name == "architecture" then signature:add("host", name, value) end
  end
  for _, flag in ipairs(task_flags) do
    local value = d:flag(node.task, flag)
    if value and value ~= "" then signature:add("flag", flag, value) end
  end
  add_texts(signature, node, context)
  add_sources(signature, node)
  local rooted = node.roots and d:get "ROOT_HOOKS"
  local staged = node.sysroots[1] and d:get "SYSROOT_HOOKS"
  if rooted then add_hooks(signature, node, context, "ROOT_HOOKS") end
  if staged then add_hooks(signature, node, context, "SYSROOT_HOOKS") end
  if rooted or staged then signature = without_doubles(signature) end
  node.fresh = is_set(d:flag(node.task, "nostamp")) and true or nil
  if node.fresh then signature:add("nostamp", "salt", context.salt) end
  signature:seal(context.lines)
  return signature
end

--- The key of what a hook makes: of its text, and of the layers that it runs over.
---@param hook moonsand.build.Node
---@param context moonsand.build.SignatureContext
---@param digests string[]   first wins
---@return string key
function M.hook(hook, context, digests)
  local signature, d, inputs = M.new(), variables.of(hook), {}
  signature:add("layout", "sandbox", context.layout)
  if d:get "MOONSAND_EPOCH" then signature:add("layout", "epoch", d:get "MOONSAND_EPOCH") end
  for name, value in order.sorted(context.host) do
    if not hook.roots or name == "architecture" then signature:add("host", name, value) end
  end
  for _, flag in ipairs(hook_flags) do
    local value = d:flag(hook.task, flag)
    if value and value ~= "" then signature:add("flag", flag, value) end
  end
  add_texts(signature, hook, context)
  signature:seal(context.lines)
  for i, digest in ipairs(digests) do
    inputs[#inputs + 1] = ("/ %03d"):format(i)
    inputs[#inputs + 1] = digest
  end
  return core.sha256(signature:text(inputs))
end

--- The text whose digest is the intent key: instead of what the dependencies made, what they are
--- going to be made from.
---@param node moonsand.build.Node   with `base`; the intent keys of what it needs are known
---@return string text
function M.intent(node)
  local inputs, own = {}, node.recipe.configuration
  for _, edge in ipairs(node.needs) do
    inputs[#inputs + 1] = multiconfig.relative(own, edge.node.name)
    inputs[#inputs + 1] = edge.node.intent
  end
  return node.base:text(inputs)
end

--- The action key: the digest of every layer that is mounted, and where.
---@param node moonsand.build.Node   with `base`
---@param mounted moonsand.build.Mounted[]
---@return string key
---@return string text
function M.action(node, mounted)
  local inputs = {}
  for _, input in ipairs(mounted) do
    inputs[#inputs + 1] = input.place
    inputs[#inputs + 1] = input.digest
  end
  local text = node.base:text(inputs)
  return core.sha256(text), text
end

return M
