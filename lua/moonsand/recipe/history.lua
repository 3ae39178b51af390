--- The history of variables: every statement that had a part in one, with its file and line.
-- These are methods of the datastore (data.lua).
---@class moonsand.recipe.Data
local Data = {}

---@class moonsand.recipe.Entry            one line of a variable's history
---@field operator string   as written (`=`, `?=`, ...), or a verb: export, unset, rename, set, ...
---@field text string?      the text as written
---@field file string?
---@field line integer?
---@field flag string?
---@field name string?      the name as written: `A:append:foo` is in the history of `A`
---@field after string?     of addtask
---@field before string?    of addtask

--- Keep an entry.
---@param name string
---@param entry? moonsand.recipe.Entry|false
function Data:remember(name, entry)
  if not entry then return end
  local list = self.history[name]
  if list then list[#list + 1] = entry else self.history[name] = {entry} end
end

--- History entry of a change that no statement made; the code of the metadata is its own place.
---@param operator string
---@param name string
---@param text any
---@param flag? string
---@return moonsand.recipe.Entry
function Data:entry_of(operator, name, text, flag)
  local author = self.author
  local file, line = author and author.file, author and author.line
  if self.running then
    for level = 3, 6 do
      local info = debug.getinfo(level, "Sl")
      if not info then break end
      if self.running[info.source] then
        file, line = self.running[info.source], info.currentline
        break
      end
    end
  end
  return {operator = operator, name = name, text = text, flag = flag, file = file, line = line}
end

--- A variable gets the history that another one has now.
---@param name string
---@param old string
function Data:inherit_history(name, old)
  local list = self.history[old]
  self:remember(name, {link = old, count = list and #list or 0})
end

--- Everything that was done to a variable, oldest first.
---@param name string
---@param count? integer   so many entries of this store, all without it
---@return moonsand.recipe.Entry[]
function Data:where(name, count)
  self:depends_on_all()
  local list = self.parent and self.parent:where(name) or {}
  local own = self.history[name] or {}
  for i = 1, count or #own do
    local entry = own[i]
    if entry.link then
      local before = self:where(entry.link, entry.count)
      table.move(before, 1, #before, #list + 1, list)
    else
      list[#list + 1] = entry
    end
  end
  return list
end

--- The last entry that a test passes.
---@param name string
---@param passes fun(entry: moonsand.recipe.Entry): boolean
---@param count? integer   of so many entries of this store
---@return moonsand.recipe.Entry?
function Data:last_entry(name, passes, count)
  local own = self.history[name] or {}
  for i = count or #own, 1, -1 do
    local entry = own[i]
    if entry.link then entry = self:last_entry(entry.link, passes, entry.count) end
    if entry and passes(entry) then return entry end
  end
  return self.parent and self.parent:last_entry(name, passes)
end

local function is_value(entry)
  return entry.file ~= nil and not entry.flag
end

--- "file:line" of the statement that last wrote the variable's value.
---@param name string
---@return string?
function Data:place(name)
  local entry = self:last_entry(name, is_value)
  return entry and ("%s:%s"):format(entry.file, entry.line)
end

--- "file:line" of the statement that last set a flag.
---@param name string
---@param flag string
---@return string?
function Data:flag_place(name, flag)
  local list = self:where(name)
  for i = #list, 1, -1 do
    if list[i].flag == flag and list[i].file then
      return ("%s:%s"):format(list[i].file, list[i].line)
    end
  end
  return self:place(name)
end

return Data
