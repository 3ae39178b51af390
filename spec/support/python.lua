-- Recipes with Python in them, for specs. What a spec opens is closed after each example.
local answers = require "spec.recipe.answers"
local core = require "moonsand.core"
local python = require "moonsand.build.python"

local M = {}

local opened = {}

--- Read `files` beginning with a_1.bb; `how`: another way than the helper in its sandbox.
function M.read(files, how)
  local stores, problem, config = answers.run({files = files, main = "a_1.bb"},
    how or python.new(core.realpath("python")))
  opened[#opened + 1] = config
  return stores, problem, config
end

--- Close what was opened.
function M.close()
  for _, config in ipairs(opened) do config.python:close() end
  opened = {}
end

return M
