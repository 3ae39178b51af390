-- The rules of the task graph, on small metadata layers: BitBake's own answers (graph_cases.lua).
local cases = require "spec.build.graph_cases"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local graph = require "moonsand.build.graph"
local host = require "spec.support.host"
local multiconfig_cases = require "spec.build.multiconfig_cases"
local python = require "moonsand.build.python"
local recipe = require "moonsand.recipe"

-- A line a task, with what it needs.
local function described(nodes)
  local lines = {}
  for i, node in ipairs(nodes) do
    local needs = {}
    for j, edge in ipairs(node.needs) do needs[j] = " " .. edge.node.name end
    table.sort(needs)
    lines[i] = node.name .. (needs[1] and ":" or "") .. table.concat(needs) .. "\n"
  end
  table.sort(lines)
  return table.concat(lines)
end

local function needs_python(case)
  for _, text in pairs(case.files) do
    if text:find("python", 1, true) then return true end
  end
  return false
end

local function answers(case)
  it(case.name, function()
    if needs_python(case) and not core.stat("/usr/bin/python3") then
      return pending("there is no /usr/bin/python3")
    end
    local scratch <close> = host.scratch()
    for path, text in pairs(cases.files) do scratch:file(path, text) end
    for path, text in pairs(case.files) do scratch:file(path, text) end
    local config <close> = recipe.configure {
      path = {scratch.path}, variables = {TOPDIR = scratch.path},
      python = needs_python(case) and python.new(core.realpath("python")) or nil,
    }
    local ok, result = pcall(function() return (graph.of(config):plan(case.targets)) end)
    if case.answer == "refused" then
      assert.is_false(ok)
      assert.is_true(fault.is(result), tostring(result))
    else
      assert(ok, tostring(result))
      assert.are.equal(case.answer, described(result))
    end
  end)
end

describe("the task graph of a small layer, as BitBake has it:", function()
  for _, case in ipairs(cases) do answers(case) end
end)

describe("the task graph over several configurations, as BitBake has it:", function()
  for _, case in ipairs(multiconfig_cases) do answers(case) end
end)
