local core = require "moonsand.core"
local project = require "spec.support.project"
local request = require "moonsand.build.request"
local signature = require "moonsand.build.signature"

local recipe_text = [[
SRC_URI = "file://t"
export FLAVOUR = "plain"
do_compile() {
    cp ${WORKDIR}/t ${WORKDIR}/copy
    helper
}
helper() {
    echo $FLAVOUR > ${WORKDIR}/flavour
}
do_install() {
    install -D ${WORKDIR}/copy ${D}/copy
}
]]

local function new_project(files)
  local here = project.new()
  here:write {["p/p_1.bb"] = recipe_text, ["p/files/t"] = "text\n"}
  here:write(files or {})
  return here
end

-- All records of a store: names are keys.
local function keys(here, folder)
  local list = {}
  local found <close> =
    io.popen(("cd %s/store/%s && find . -type f | sort"):format(here.path, folder))
  for path in found:lines() do list[#list + 1] = path end
  return table.concat(list, "\n")
end

local function built(files, options)
  local here <close> = setmetatable({project = new_project(files)}, {
    __close = function(self) self.project:close() end,
  })
  local summary = here.project:build({"p"}, options)
  assert(summary.ok)
  return keys(here.project, "ik"), keys(here.project, "ac")
end

-- The text of entries {kind, name, value}, and of inputs.
local function text_of(entries, inputs)
  local made = signature.new()
  for _, entry in ipairs(entries) do made:add(table.unpack(entry)) end
  made:seal {}
  return made:text(inputs or {})
end

describe("the text of a signature", function()
  it("is sorted, so that the order of the entries does not matter", function()
    local a, b = {"variable", "A", "1"}, {"variable", "B", "2"}
    assert.are.equal(text_of {a, b}, text_of {b, a})
  end)

  it("has the inputs at their place among the sorted lines", function()
    local others = {{"variable", "A", "1"}, {"inputs", "x", "y"}, {"flag", "dirs", "x"}}
    local text = text_of(others, {"b:x", "2", "a:x", "1"})
    local lines = {}
    for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
    local head = table.remove(lines, 1)
    assert.are.same({"flag\tdirs\tx", "input\ta:x\t1", "input\tb:x\t2", "inputs\tx\ty",
      "variable\tA\t1"}, lines)
    assert.are.equal(head .. "\n" .. table.concat(lines, "\n") .. "\n", text)
  end)

  it("separates names from values, whatever they hold", function()
    local a = text_of {{"variable", "A", "x\ty\nvariable\tB\tz"}}
    local b = text_of {{"variable", "A\tx", "y"}, {"variable", "B", "z"}}
    assert.are_not.equal(a, b)
    assert.are.equal("x\ty\nvariable\tB\tz", signature.parse(a)["variable\tA"])
  end)

  it("tells what differs, with both values", function()
    local a = text_of {{"variable", "CFLAGS", "-O2"}, {"variable", "SAME", "x"}}
    local b = text_of {{"variable", "CFLAGS", "-O3"}, {"variable", "SAME", "x"}}
    local list, same = signature.difference(a, b)
    assert.are.same({{kind = "variable", name = "CFLAGS", entry = "variable\tCFLAGS",
      old = "-O2", new = "-O3"}}, list)
    assert.are.same({variable = 1}, same)
  end)
end)

describe("a task that waits", function()
  it("has no datastore of its own, and its text once it is asked for", function()
    local here = new_project()
    local builder <close> = here:builder()
    for _, node in ipairs((request.prepare(builder, {"p"}))) do
      assert.is_nil(node.data, node.name)
      assert.are.equal(node.intent, core.sha256(signature.intent(node)), node.name)
    end
    here:close()
  end)
end)

describe("the keys of a build", function()
  it("are the same for two clones in two places", function()
    local intent_a, action_a = built()
    local intent_b, action_b = built()
    assert.are.equal(intent_a, intent_b)
    assert.are.equal(action_a, action_b)
  end)

  it("do not depend on the number of jobs", function()
    assert.are.equal((built(nil, {jobs = 1})), (built(nil, {jobs = 4})))
  end)

  it("change with a variable that a task refers to", function()
    assert.are_not.equal((built()), (built {
      ["p/p_1.bb"] = recipe_text:gsub('"plain"', '"sweet"'),
    }))
  end)

  it("change with a function that a task calls", function()
    assert.are_not.equal((built()), (built {
      ["p/p_1.bb"] = recipe_text:gsub("echo %$FLAVOUR", "echo my $FLAVOUR"),
    }))
  end)

  it("change with the content of a local file", function()
    assert.are_not.equal((built()), (built {["p/files/t"] = "other\n"}))
  end)

  it("change with the host", function()
    assert.are_not.equal((built()), (built(nil, {host = {name = "another"}})))
  end)

  it("do not change with what only people read", function()
    assert.are.equal((built()), (built {
      ["p/p_1.bb"] = recipe_text .. 'SUMMARY = "a new one"\n',
    }))
  end)

  it("change with the version in the file's name where it is used", function()
    local here = project.new()
    local text = "do_compile() {\n    echo ${PV}\n}\n"
    here:write {["p/p_1.bb"] = text}
    here:build {"p:compile"}
    os.rename(here.path .. "/recipes/p/p_1.bb", here.path .. "/recipes/p/p_2.bb")
    local summary = here:build {"p:compile"}
    here:close()
    assert.are.equal("ok", summary.outcomes["p:compile"])
  end)
end)
