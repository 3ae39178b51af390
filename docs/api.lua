--- docs/api.md from the annotations in the sources: `lua5.4 docs/api.lua` prints it.
local M = {}

--- The modules that others may rely on, storey by storey.
M.chapters = {
  {"The facade", {"lua/moonsand/init.lua"}},
  {"Sandboxes", {"lua/moonsand/sandbox/init.lua", "lua/moonsand/sandbox/options.lua",
    "lua/moonsand/sandbox/mounts.lua", "lua/moonsand/sandbox/running.lua",
    "lua/moonsand/sandbox/result.lua", "lua/moonsand/sandbox/prepared.lua",
    "lua/moonsand/sandbox/plan.lua", "lua/moonsand/sandbox/doctor.lua"}},
  {"Layers", {"lua/moonsand/layer/init.lua", "lua/moonsand/layer/store.lua",
    "lua/moonsand/layer/scratch.lua", "lua/moonsand/layer/changes.lua"}},
  {"Recipes", {"lua/moonsand/recipe/init.lua", "lua/moonsand/recipe/configuration.lua",
    "lua/moonsand/recipe/data.lua", "lua/moonsand/recipe/history.lua"}},
  {"Builds", {"lua/moonsand/build/init.lua", "lua/moonsand/build/event.lua"}},
  {"What all of them use", {"lua/moonsand/fault.lua", "lua/moonsand/scope.lua",
    "lua/moonsand/loop.lua", "lua/moonsand/order.lua", "lua/moonsand/text.lua"}},
  {"The core", {"core/plan.d.lua", "core/fd.d.lua", "core/fs.d.lua", "core/edit.d.lua",
    "core/ids.d.lua", "core/limits.d.lua", "core/filter.d.lua"}},
}

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function module_name(path)
  if path:find "^core/" then return "moonsand.core", path:match "^core/(.-)%.d%.lua$" end
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

-- "name type about" of a field, a parameter; types may hold blanks in brackets.
local function split_type(text)
  local depth, at = 0, 1
  while at <= #text do
    local char = text:sub(at, at)
    if char:find "[<({[]" then depth = depth + 1 end
    if char:find "[>)}%]]" then depth = depth - 1 end
    local joins = text:sub(1, at - 1):find "[:,|]$" or text:find("^ *[|]", at)
    if char == " " and depth <= 0 and not joins then break end
    at = at + 1
  end
  return text:sub(1, at - 1), text:sub(at):gsub("^%s+", "")
end

--- What a block of `---` lines says.
---@param lines string[]   without the dashes
---@return table
local function parse(lines)
  local block = {text = {}, params = {}, returns = {}}
  local last
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^@(%a+)%s*(.*)$"
    if tag == "class" then
      block.class, rest = rest:match "^(%S+)%s*(.*)$"
      block.fields = {}
      if rest ~= "" then block.text[#block.text + 1] = rest end
    elseif tag == "field" and block.fields then
      local name, more = rest:match "^(%S+)%s+(.*)$"
      last = {name = name, rest = more}
      table.insert(block.fields, last)
    elseif tag == "param" then
      local name, more = rest:match "^(%S+)%s*(.*)$"
      last = {name = name, rest = more}
      table.insert(block.params, last)
    elseif tag == "return" then
      last = {rest = rest}
      table.insert(block.returns, last)
    elseif not tag and last then
      last.rest = last.rest .. " " .. line:gsub("^%s+", "")
    elseif not tag then
      block.text[#block.text + 1] = line
    end
  end
  return block
end

local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function row(name, rest)
  local kind, about = split_type(rest)
  return ("| `%s` | `%s` | %s |"):format(name, cell(kind), cell(about))
end

local function describe(out, block)
  if #block.text > 0 then out[#out + 1] = table.concat(block.text, "\n") .. "\n" end
end

local function add_class(out, block)
  out[#out + 1] = ("#### `%s`\n"):format(block.class)
  describe(out, block)
  if #block.fields == 0 then return end
  out[#out + 1] = "| field | type | |\n| --- | --- | --- |"
  for _, field in ipairs(block.fields) do out[#out + 1] = row(field.name, field.rest) end
  out[#out + 1] = ""
end

local function add_function(out, block, name, args)
  out[#out + 1] = ("#### `%s(%s)`\n"):format(name, args)
  describe(out, block)
  for _, param in ipairs(block.params) do
    local kind, about = split_type(param.rest)
    out[#out + 1] = ("- `%s`: `%s`%s"):format(param.name, kind, about ~= "" and " " .. about or "")
  end
  for _, one in ipairs(block.returns) do out[#out + 1] = ("- returns `%s`"):format(one.rest) end
  if #block.params + #block.returns > 0 then out[#out + 1] = "" end
end

-- What stands right after a block.
local function entry(out, path, block, line, short)
  local name, args = line:match "^function ([%w_.:]+)%((.-)%)"
  if block and block.class then
    add_class(out, block)
  elseif name and (name:find "^%u" or name:find "^core") and not name:find "__" then
    assert(block or not name:find "^M", ("%s: '%s' has no annotation"):format(path, name))
    if not block then return end -- a method that nobody else is to call
    add_function(out, block, name:gsub("^M([.:])", short .. "%1"), args)
  end
end

local function add_file(out, path)
  local name, part = module_name(path)
  local short = name:match "[%w_]+$"
  local lines, head = {}, nil
  out[#out + 1] = ("### %s%s\n"):format(name, part and " (" .. part .. ")" or "")
  for line in (read(path) .. "\n"):gmatch "([^\n]*)\n" do
    local text = line:match "^%-%-%- ?(.*)$"
    if text then
      lines[#lines + 1] = text
    else
      local block = #lines > 0 and parse(lines) or nil
      if block and not head and not block.class then
        head = true
        for i = #block.text, 1, -1 do
          if block.text[i]:find "^@meta" then table.remove(block.text, i) end
        end
        describe(out, block)
      else
        head = true
        entry(out, path, block, line, short)
      end
      lines = {}
    end
  end
end

--- The whole page.
---@return string
function M.page()
  local out = {
    "# The Lua interface\n",
    "Made by `make api` from the annotations in the sources; do not edit it. What is not",
    "here is no interface, and may change. `local moonsand = require \"moonsand\"` gives the",
    "parts by name: `moonsand.sandbox`, `moonsand.layer`, `moonsand.recipe`, `moonsand.build`,",
    "...; each can also be required alone. Types are those of LuaCATS; `?` stands for what may",
    "be missing. What throws throws a *fault* (`moonsand.fault`); the core answers",
    "`nil, message, errno`.\n",
  }
  for _, chapter in ipairs(M.chapters) do
    out[#out + 1] = "## " .. chapter[1] .. "\n"
    for _, path in ipairs(chapter[2]) do add_file(out, path) end
  end
  return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("\n*$", "\n"))
end

if arg and arg[0] and arg[0]:find "docs/api%.lua$" then
  io.write(M.page())
end

return M
