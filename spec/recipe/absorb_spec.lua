local data = require "moonsand.recipe.data"

describe("a store that takes in its parent", function()
  local below, parent, store

  before_each(function()
    below = data.new()
    below:put("B", "below", {operator = "=", text = "below", file = "b.conf", line = 1})
    below:put("OVERRIDES", "o")
    parent = below:copy()
    store = nil
  end)

  local function take()
    store = store or parent:copy()
    store:absorb()
    assert.are.equal(below, store.parent)
  end

  local function texts(name)
    local list = {}
    for i, entry in ipairs(store:where(name)) do list[i] = entry.text end
    return table.concat(list, " ")
  end

  it("has its values, its own, and those below", function()
    parent:put("A", "parent")
    parent:put("C", "parent")
    store = parent:copy()
    store:put("C", "own")
    take()
    assert.are.equal("parent own below", store:expand("${A} ${C} ${B}"))
    below:put("LATE", "late")
    assert.are.equal("late", store:get("LATE"))
  end)

  it("does not see again what it had deleted", function()
    parent:put("B", "parent")
    store = parent:copy()
    store:delete("B")
    take()
    assert.is_nil(store:get("B"))
    assert.is_false(store:exists("B"))
  end)

  it("has the appends, variants and flags of both, and their order", function()
    parent:put("A", "a")
    parent:put("A:o", "variant")
    parent:put("A:append", "+")
    parent:set_flag("A", "x", "1")
    store = parent:copy()
    store:set_flag("A", "y", "2")
    store:put("B:append", "+")
    take()
    assert.are.equal("variant+", store:get("A"))
    assert.are.equal("below+", store:get("B"))
    assert.are.same({"x", "y"}, store:flag_names("A"))
  end)

  it("has the names that were exported, that need expansion, and functions of both", function()
    parent:set_flag("A", "export", "1")
    parent:own("defs").one = {name = "one"}
    parent:put("K", "key")
    parent:put("N_${K}", "n")
    store = parent:copy()
    store:set_flag("C", "export", "1")
    store:own("defs").two = {name = "two"}
    store:put("M_${K}", "m")
    take()
    assert.are.same({"A", "C"}, store:export_names())
    assert.are.equal("one two", store.defs.one.name .. " " .. store.defs.two.name)
    store:expand_keys()
    assert.are.equal("n m", store:get("N_key") .. " " .. store:get("M_key"))
    assert.is_nil(below.defs.one)
    assert.are.same({}, below:export_names())
  end)

  it("has the history of all three, renamed variables too", function()
    parent:put("B", "one", {operator = "=", text = "one", file = "r.bb", line = 1})
    parent:put("D", "d1", {operator = "=", text = "d1", file = "r.bb", line = 2})
    parent:rename("D", "E")
    store = parent:copy()
    store:put("B", "two", {operator = "=", text = "two", file = "r.bb", line = 3})
    store:put("F", "f", {operator = "=", text = "f", file = "r.bb", line = 4})
    store:rename("B", "G")
    store:put("B", "after", {operator = "=", text = "after", file = "r.bb", line = 5})
    local before = {}
    for _, name in ipairs {"B", "E", "F", "G"} do before[name] = texts(name) end
    take()
    for name, text in pairs(before) do assert.are.equal(text, texts(name)) end
    assert.are.equal("r.bb:5", store:place("B"))
    assert.are.equal("b.conf:1", below:place("B"))
  end)

  it("can be written to as before, and copied", function()
    parent:put("A", "a")
    take()
    store:set_flag("Z", "export", "1")
    local copy = store:copy()
    copy:put("A", "copy")
    assert.are.equal("a copy", store:get("A") .. " " .. copy:get("A"))
    assert.are.same({"Z"}, copy:export_names())
    assert.are.same({}, below:export_names())
  end)
end)

describe("the order of flags", function()
  it("is one list for all records that have it, whatever becomes of one of them", function()
    local d = data.new()
    for _, name in ipairs {"A", "B"} do
      d:set_flag(name, "x", "1")
      d:set_flag(name, "y", "2")
    end
    assert.are.equal(d.vars.A.order, d.vars.B.order)
    d:delete_flag("A", "x")
    d:set_flag("A", "z", "3")
    assert.are.same({"y", "z"}, d:flag_names("A"))
    assert.are.same({"x", "y"}, d:flag_names("B"))
    d:delete_flag("A", "y")
    d:delete_flag("A", "z")
    assert.is_nil(d.vars.A.order)
  end)
end)
