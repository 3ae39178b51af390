-- docs/security.md and docs/peers-tests.md name the specs that hold their claims.
local host = require "spec.support.host"

local holds = assert(host.read "docs/security.md"):match("\n## What holds\n(.-)\n## ")

local function file_of(name)
  return name:find("/", 1, true) and ("spec/%s_spec.lua"):format(name)
    or ("spec/security/%s_spec.lua"):format(name)
end

--- The references of a piece of the page: file, name of the spec.
local function references(piece)
  return piece:gmatch("`([%l_/]+): ([^`]+)`")
end

--- The items of its lists, each as one line.
local function claims()
  local list = {}
  for line in holds:gmatch("[^\n]+") do
    if line:sub(1, 2) == "- " then
      list[#list + 1] = line
    elseif line:sub(1, 2) == "  " then
      list[#list] = list[#list] .. line:sub(2)
    end
  end
  return list
end

--- Fails for a reference that leads nowhere; how many there are.
local function follow(text)
  local count = 0
  for file, name in references(text) do
    local source = host.read(file_of(file))
    assert.is_string(source, "there is no " .. file_of(file))
    assert.is_truthy(source:find('"' .. name, 1, true), ("%s has no '%s'"):format(file, name))
    count = count + 1
  end
  return count
end

describe("docs/peers-tests.md", function()
  it("names specs that there are", function()
    assert.is_true(follow(host.read "docs/peers-tests.md") > 50)
  end)
end)

describe("docs/security.md", function()
  it("names specs that there are", function()
    assert.is_true(follow(table.concat(claims(), "\n")) > 40)
  end)

  it("has a spec for every claim", function()
    for _, claim in ipairs(claims()) do
      assert.is_truthy(references(claim)(), "no spec is named for: " .. claim)
    end
    assert.is_true(#claims() > 25)
  end)
end)
