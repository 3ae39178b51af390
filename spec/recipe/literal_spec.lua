local core = require "moonsand.core"
local data = require "moonsand.recipe.data"
local literal = require "moonsand.recipe.literal"
local order = require "moonsand.order"
local recipe = require "moonsand.recipe"

describe("references that are read off a text", function()
  local function store(values)
    local d = data.new()
    for name, value in pairs(values) do d:put(name, value) end
    return d
  end

  it("are each once and sorted, the undefined too", function()
    local d = store {A = "1", B = "${A}"}
    assert.are.same({"A", "B", "C"}, literal.names(d, "${B} ${A} ${C} ${A}", "X", {}))
    assert.are.same({}, literal.names(d, "no reference", "X", {}))
  end)

  for _, case in ipairs {
    {"a name is put together", "${A${B}}", {B = "1"}},
    {"there is an expression", "${@1} ${A}", {A = "1"}},
    {"a value completes a reference", "${A}{B}", {A = "$"}},
    {"a value opens the name of one", "$${A}", {A = "{B}"}},
    {"nothing stands between the halves of one", "${A}${E}${C}", {A = "$", E = "", C = "{B}"}},
    {"a value keeps a reference", "${A}", {A = "${UNKNOWN}"}},
    {"it refers to itself", "${X}", {X = "1"}},
    {"shell has a default with a reference", "${y:-${A}}", {A = "1"}},
  } do
    it("are not, when " .. case[1], function()
      assert.is_nil(literal.names(store(case[3]), case[2], "X", {}))
    end)
  end

  it("complain about a loop as expanding does", function()
    local d = store {A = "${B}", B = "${A}"}
    local ok, problem = pcall(literal.names, d, "${A}", "X", {})
    assert.is_false(ok)
    assert.is_truthy(tostring(problem):find("refers to itself", 1, true))
  end)

  it("are those that expanding finds, whatever the texts", function()
    local pieces = {"$", "{", "}", "$$", "${A}", "${B}", "${C}", "${D}", "${", "A", " ", "x", ""}
    local seed, answered = 7, 0
    local function any(n)
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return (seed >> 8) % n + 1
    end
    local function text(most)
      local parts = {}
      for i = 1, any(most) do parts[i] = pieces[any(#pieces)] end
      return table.concat(parts)
    end
    for _ = 1, 4000 do
      local d = store {A = text(3), B = text(3), C = text(2)}
      if any(4) == 1 then d:put("A:remove", pieces[any(3)]) end
      local asked = text(5)
      local ok, names = pcall(literal.names, d, asked, "X", {})
      if ok and names then
        answered = answered + 1
        assert.are.same(order.keys(d:found(asked, "X").refs), names, asked)
      end
    end
    assert.is_true(answered > 400)
  end)

  it("make the same text of every task as expanding does", function()
    local read_off, asked = literal.names, 0
    finally(function() literal.names = read_off end)
    local config <close> = recipe.configure {path = {assert(core.realpath "recipes")}}
    for _, name in ipairs {"zlib", "busybox", "curl"} do
      local found = config:named(name)
      for _, task in ipairs(found.tasks) do
        literal.names = read_off
        local names, texts = recipe.references(recipe.task_data(found.data, task.name), task.name)
        literal.names = function() asked = asked + 1 end
        local slow, expanded =
          recipe.references(recipe.task_data(found.data, task.name), task.name)
        assert.are.same({slow, expanded}, {names, texts}, name .. ":" .. task.name)
      end
    end
    assert.is_true(asked > 100)
  end)
end)
