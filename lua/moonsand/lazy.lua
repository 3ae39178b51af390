--- `local groups = lazy "moonsand.sandbox.groups"`: a module that is loaded when something of it is
--- used for the first time. For what most runs of a small command do without.

---@param name string
---@return table module
return function(name)
  local function first(self, key)
    local module = require(name)
    getmetatable(self).__index = module
    return module[key]
  end
  return setmetatable({}, {__index = first})
end
