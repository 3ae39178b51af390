--- What a task's result depends on, as a text: one line an entry, sorted, its parts split by tabs.
--- The key of a task is the SHA-256 of that text, and the difference of two texts is the answer to
--- "why did it run again". No host path, time, user or job count is in it.
local comments = require "moonsand.build.comments"
local core = require "moonsand.core"
local mixed = require "moonsand.build.mixed"
local order = require "moonsand.order"
local recipes = require "moonsand.recipe"
local sources = require "moonsand.build.source"
local words = require("moonsand.text").words

local M = {}

-- Raise it when the meaning of an entry changes: all earlier results are then unknown.
local FORMAT <const> = "moonsand signature 1"

-- Flags of a task that change what it does. Dependency flags are in the inputs, not here.
local task_flags = {
  "builtin", "cleandirs", "collect", "dirs", "network", "noexec", "postfuncs", "prefuncs", "root",
  "sources", "umask",
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

--- A copy that can grow on its own: both keys of a task begin with the same entries.
---@return moonsand.build.Signature
function Signature:copy()
  return setmetatable(table.move(self, 1, #self, 1, {}), Signature)
end

--- The canonical text.
---@return string
function Signature:text()
  local lines = table.move(self, 1, #self, 1, {})
  table.sort(lines)
  return FORMAT .. "\n" .. table.concat(lines, "\n") .. "\n"
end

--- The key: SHA-256 of the text.
---@return string key
---@return string text
function Signature:key()
  local text = self:text()
  return core.sha256(text), text
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
  local d, python = node.data, false
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
  local kinds = node.data:flag(node.task, "sources")
  if kinds then
    for i, source in ipairs(sources.select(node.sources, kinds)) do
      signature:add("source", ("%s %s"):format(source.how, source.file), source.sha256)
      signature:add("order", source.file, tostring(i))
    end
    signature:add("listing", kinds, sources.listing(sources.select(node.sources, kinds)))
  end
  if node.data:flag(node.task, "builtin") == "fetch" then
    for _, source in ipairs(node.sources) do
      if source.scheme ~= "file" then
        signature:add("fetch", source.file, source.url .. " " .. source.sha256)
      end
    end
  end
end

-- Flags of a hook that change what it does.
local hook_flags = {"cleandirs", "dirs", "network", "paths", "postfuncs", "prefuncs", "umask"}

-- The functions that ROOT_HOOKS names; whether there are such is asked when they are run.
local function add_hooks(signature, node, context)
  local d = node.data
  local names = words(d:get "ROOT_HOOKS")
  signature:add("variable", "ROOT_HOOKS", table.concat(names, " "))
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
---@field made table                       empty at first: entries that were made
---@field exports table                    empty at first: those that say what is exported

--- The entries that both keys of a task begin with.
---@param node moonsand.build.Node          with `sources`, the recipe's source list
---@param context moonsand.build.SignatureContext
---@return moonsand.build.Signature
function M.base(node, context)
  local signature, d = M.new(), node.data
  signature:add("task", "name", node.name)
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
  if not node.roots or not d:get "ROOT_HOOKS" then return signature end
  add_hooks(signature, node, context)
  return without_doubles(signature)
end

--- The key of what a hook makes: of its text, and of the layers that it runs over.
---@param hook moonsand.build.Node
---@param context moonsand.build.SignatureContext
---@param digests string[]   first wins
---@return string key
function M.hook(hook, context, digests)
  local signature, d = M.new(), hook.data
  signature:add("layout", "sandbox", context.layout)
  if d:get "MOONSAND_EPOCH" then signature:add("layout", "epoch", d:get "MOONSAND_EPOCH") end
  signature:add("host", "architecture", context.host.architecture or "")
  for _, flag in ipairs(hook_flags) do
    local value = d:flag(hook.task, flag)
    if value and value ~= "" then signature:add("flag", flag, value) end
  end
  add_texts(signature, hook, context)
  for i, digest in ipairs(digests) do signature:add("input", ("/ %03d"):format(i), digest) end
  return (signature:key())
end

--- The intent key: instead of what the dependencies made, what they are going to be made from.
---@param base moonsand.build.Signature
---@param node moonsand.build.Node
---@param keys table<moonsand.build.Node, string>   intent keys of what the node needs
---@return string key
---@return string text
function M.intent(base, node, keys)
  local signature = base:copy()
  for _, edge in ipairs(node.needs) do signature:add("input", edge.node.name, keys[edge.node]) end
  return signature:key()
end

--- The action key: the digest of every layer that is mounted, and where.
---@param base moonsand.build.Signature
---@param inputs {place: string, digest: string}[]
---@return string key
---@return string text
function M.action(base, inputs)
  local signature = base:copy()
  for _, input in ipairs(inputs) do signature:add("input", input.place, input.digest) end
  return signature:key()
end

return M
