--- Values of the clock: what `DATE := "${@time.strftime(...)}"` gives is another text each time. A
--- configuration that is kept keeps the expression, as long as nobody has used the value.
local M = {}

-- Is this a whole value that an expression gives which reads the clock, and no variable?
local function is_alone(d, statement)
  local code = d.python.last_look
  return code and not d.parent and not statement.flag and statement.text == "${@" .. code .. "}"
    and not statement.name:find(":", 1, true) and not d.decisive[statement.name]
end

--- An immediate assignment was made. When the clock was looked at for it, and for nothing else, it
--- is no look of the configuration's; whoever reads the value from now on looks.
---@param d moonsand.recipe.Data
---@param statement moonsand.recipe.Statement
---@param before integer   how often the clock had been looked at before
function M.assigned(d, statement, before)
  local python = d.python
  if not python.watched or python.looks == before or not is_alone(d, statement) then return end
  local record = rawget(d.vars, statement.name)
  local value = record.content
  record.content, record.moving = nil, statement.text
  setmetatable(record, {__index = function(_, key)
    if key ~= "content" then return nil end
    python.looks = python.looks + 1
    return value
  end})
  python.looks = before
  python.moving = python.moving or {}
  table.insert(python.moving, statement.name)
end

--- A record as it is kept.
---@param record table
---@return table
function M.kept(record)
  if not record.moving then return record end
  local new = {}
  for key, value in next, record do new[key] = value end
  if new.content ~= nil then new.moving = nil end
  return new
end

--- A record that was kept, as it is now.
---@param d moonsand.recipe.Data
---@param name string
---@param record table
---@return table
function M.now(d, name, record)
  local text = record.moving
  if text then
    record.moving = nil
    record.content = d:copy():expand(text, name .. "[:=]")
  end
  return record
end

--- The configuration was read: values are values.
---@param d moonsand.recipe.Data
function M.settle(d)
  for _, name in ipairs(d.python and d.python.moving or {}) do
    local record = d.vars[name]
    if record.moving then
      local value = record.content
      setmetatable(record, nil)
      record.content, record.moving = value, nil
    end
  end
end

return M
