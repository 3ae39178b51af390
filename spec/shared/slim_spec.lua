--- Compiled code without names does what it did, and says where it fails (bin/slim.lua).
local slim = dofile "bin/slim.lua"

local source = [[
local first, second = 1, 2.5
local long = "a constant of more than forty characters is kept in another way"
local function add(value, ...)
  local sum <const> = value + second
  for i = 1, select("#", ...) do first = first + i end
  return sum, first, long, nil, true, false, 1 << 40, "\0\xff"
end
return add(...)
]]

local function run(code, ...)
  return table.pack(assert(load(code, "=slim", "b"))(...))
end

describe("compiled code without names", function()
  it("does what it did", function()
    local code = string.dump(assert(load(source, "@a.lua")))
    assert.same(run(code, 3, "x", "y"), run(slim(code), 3, "x", "y"))
  end)

  it("holds no name of a variable", function()
    local code = string.dump(assert(load(source, "@a.lua")))
    assert.truthy(code:find("second", 1, true))
    assert.falsy(slim(code):find("second", 1, true))
    assert.is_true(#string.dump(load(source, "@a.lua"), true) < #slim(code))
  end)

  it("knows the file and the lines", function()
    local code = slim(string.dump(assert(load("local x\n\nreturn x.y", "@a.lua"))))
    local _, problem = pcall(load(code, "=slim", "b"))
    assert.matches("^a%.lua:3: attempt to index a nil value", problem)
  end)

  it("is the same for every module of moonsand's own", function()
    local pipe <close> = assert(io.popen "find lua -name '*.lua' | LC_ALL=C sort")
    for path in pipe:lines() do
      local whole = assert(loadfile(path))
      local slimmed = assert(load(slim(string.dump(whole)), path, "b"))
      assert.equal(string.dump(whole, true), string.dump(slimmed, true), path)
    end
  end)

  it("is refused of another format", function()
    local code = string.dump(load "return 1")
    assert.error_matches(function() slim(code:sub(1, 4) .. "\x53" .. code:sub(6)) end,
      "another format")
    assert.has_error(function() slim(code .. "\0") end)
  end)
end)
