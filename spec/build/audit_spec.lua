local observe = require "moonsand.build.observe"
local project = require "spec.support.project"

local head = "deltask fetch unpack patch configure\n" ..
  "do_compile[deptask] = \"do_populate_sysroot\"\n"

-- A recipe that installs headers, and whose do_compile is what matters.
local function recipe(depends, headers, compile)
  local lines = {head, ("DEPENDS = %q\n"):format(depends), "do_compile() {\n    ",
    compile or ":", "\n}\ndo_install() {\n    mkdir -p \"${D}${includedir}\"\n"}
  for name, text in pairs(headers) do
    lines[#lines + 1] = ("    echo '%s' >\"${D}${includedir}/%s\"\n"):format(text, name)
  end
  return table.concat(lines) .. "}\n"
end

local include = "/work/recipe-sysroot/usr/include/"

local files = {
  ["z/z_1.bb"] = recipe("", {["z.h"] = "int z;", ["inner.h"] = "int inner;"}),
  ["p/p_1.bb"] = recipe("z", {["p.h"] = "#include <inner.h>"}, "cat " .. include .. "z.h"),
  ["extra/extra_1.bb"] = recipe("", {["extra.h"] = "int extra;"}),
  -- inner.h is opened because p.h includes it
  ["clean/clean_1.bb"] = recipe("p", {}, ("cat %sp.h %sinner.h"):format(include, include)),
  ["dirty/dirty_1.bb"] = recipe("p extra", {}, ("cat %sp.h %sz.h"):format(include, include)),
  ["silent/silent_1.bb"] = "MOONSAND_AUDIT_IGNORE = \"z extra\"\n" ..
    recipe("p extra", {}, ("cat %sp.h %sz.h"):format(include, include)),
  ["refused/refused_1.bb"] = recipe("p", {}, ("cat %sp.h; touch %snew.h || true"):format(include,
    include)),
  ["alone/alone_1.bb"] = recipe("", {}, "mkdir -p " .. include .. " && touch " .. include ..
    "new.h"),
}

describe("an audited build", function()
  local here

  setup(function()
    here = project.new()
    here:write(files)
  end)
  teardown(function() here:close() end)

  local function findings(target, options)
    local all = {audit = true}
    for key, value in pairs(options or {}) do all[key] = value end
    local summary = here:build({target}, all)
    assert.is_true(summary.ok)
    return summary.findings
  end

  local function notes()
    local list = {}
    for _, event in ipairs(here.events) do
      if event.event == "note" then list[#list + 1] = event.text end
    end
    return table.concat(list, "\n")
  end

  it("finds nothing in a recipe that declares what it opens", function()
    assert.are.same({}, findings "clean")
    assert.matches("audit: 0 findings in 3 recipes", notes())
  end)

  it("names the dependency that nothing opens and the one that is there for another, each with "
    .. "the line to change", function()
    local list = findings "dirty"
    assert.are.equal(2, #list)
    local where = here.path .. "/recipes/dirty/dirty_1.bb:3"
    assert.are.same({kind = "unused", recipe = "dirty", dependency = "extra", where = where,
      fix = 'take "extra" out of DEPENDS',
      text = "dirty depends on 'extra', and no task opens a file of it"}, list[1])
    assert.are.same({kind = "transitive", recipe = "dirty", dependency = "z", where = where,
      task = "dirty:compile", path = "usr/include/z.h", through = {"p"}, fix = 'DEPENDS += "z"',
      text = "dirty:compile opens usr/include/z.h of 'z', which is there because 'p' needs it"},
      list[2])
    local told = {}
    for _, event in ipairs(here.events) do
      if event.event == "audit_finding" then told[#told + 1] = event.fix end
    end
    assert.are.same({list[1].fix, list[2].fix}, told)
  end)

  it("finds the same when the results are in the store, and knows which were not looked at",
    function()
      assert.are.equal(2, #findings "dirty")
      here:build({"dirty"}, {force = {"dirty:compile"}})
      assert.are.equal(2, #findings "dirty")
      here:write {["dirty/dirty_1.bb"] = files["dirty/dirty_1.bb"] .. "do_compile:append() {\n" ..
        "    echo more\n}\n"}
      here:build {"dirty"}
      assert.are.same({}, findings "dirty")
      assert.matches("1 task, made without %-%-audit, told nothing: dirty:compile;", notes())
    end)

  it("says nothing of what a recipe wants to be ignored", function()
    assert.are.same({}, findings "silent")
  end)

  it("finds writes to a sysroot, those that are refused and those that reach nobody", function()
    for _, name in ipairs {"refused", "alone"} do
      local list = findings(name)
      assert.are.equal(1, #list, name)
      assert.are.equal("write", list[1].kind)
      assert.are.equal(name .. ":compile writes to its sysroot: recipe-sysroot/usr/include/new.h",
        list[1].text)
    end
  end)

  it("claims nothing of a dependency while tasks that may use it are left out", function()
    here:write {["part/part_1.bb"] = recipe("extra", {})}
    assert.are.same({}, findings "part:compile")
    assert.are.equal("unused", findings("part")[1].kind)
  end)
end)

describe("an observation", function()
  it("is the same after it was text", function()
    local seen = {lost = true, written = {"recipe-sysroot/a b"}, opened = {
      {kind = "target", recipe = "z", path = "usr/include/z h"},
      {kind = "native", recipe = "m-native", path = "usr/bin/m"},
    }}
    assert.are.same(seen, observe.decode(observe.encode(seen)))
    assert.is_nil(observe.decode "something else\n")
    assert.is_nil(observe.decode(nil))
  end)
end)
