-- Slips in metadata that are taken without a word.
local answers = require "spec.recipe.answers"
local lint = require "moonsand.recipe.lint"
local recipe = require "moonsand.recipe"

local base = {
  ["/m/conf/moonsand.conf"] = table.concat({
    'BBFILES = "/m/r/*.bb /m/r/*.bbappend"', 'PN = "${=from_file(1)}"', 'BPN = "${PN}"',
    'PACKAGES = "${PN} ${PN}-dev"', 'OVERRIDES = "class-target:pn-${PN}:gnu-linux"',
    'WEAK ??= "default"', "NAME[doc] = \"known\"", "",
  }, "\n"),
  ["/m/classes/base.bbclass"] = "do_compile() {\n    called_by_class\n    ${READ_BY_CLASS}\n}\n" ..
    "addtask compile\n",
  ["/m/classes/later.bbclass"] = 'LATER ?= "x"\nEMPTY ?= ""\n',
}

-- What is found in a recipe: "line rule" texts; the findings.
local function check(text, more, name)
  local files = {}
  for path, each in pairs(base) do files[path] = each end
  for path, each in pairs(more or {}) do files[path] = each end
  name = name or "/m/r/a_1.bb"
  files[name] = text
  local config <close> = recipe.configure {path = {"/m"}, disk = answers.disk(files)}
  local found, list = lint.new(config):check(name), {}
  for i, each in ipairs(found) do list[i] = ("%d %s"):format(each.line, each.rule) end
  return list, found
end

describe("lint finds", function()
  it("a name that nothing sets, and proposes the nearest", function()
    local list, found = check('NAME = "1"\nNAME:append = " ${NAMES} ${PN}"\n')
    assert.are.same({"2 undefined"}, list)
    assert.are.equal("'NAME' refers to 'NAMES', which nothing sets: '${NAMES}' stays as it is",
      found[1].message)
    assert.are.equal("did you mean 'NAME'?", found[1].fix)
    assert.are.equal("/m/r/a_1.bb", found[1].file)
  end)

  it("an override that is in no variant of the recipe", function()
    assert.are.same({"1 override"}, check 'NAME:class-native = "1"\n')
    assert.are.same({"1 override"}, check 'NAME:pn-b = "1"\n')
    assert.are.same({"1 override"}, check 'NAME:task-install = "1"\n')
    local _, found = check 'NAME:gnu-linix = "1"\n'
    assert.are.equal("did you mean 'gnu-linux'?", found[1].fix)
  end)

  it("a package that the recipe does not make", function()
    local list, found = check 'FILES:${PN}-deb = "/x"\nFILES:${PN}-dev = "/y"\n'
    assert.are.same({"1 package"}, list)
    assert.are.equal("did you mean 'a-dev'?", found[1].fix)
  end)

  it("a tab in the indentation of Python, once a function", function()
    local text = "python do_x() {\n    pass\n\tif d:\n\t\tpass\n}\naddtask x\n"
    assert.are.same({"3 tabs"}, check(text))
    text = "def used(d):\n\treturn 1\n\ndo_y() {\n\tused\n}\naddtask y\n"
    assert.are.same({"2 tabs"}, check(text))
  end)

  it("a default that += loses, before and after it", function()
    assert.are.same({"1 lost-default"}, check 'LATER += "1"\ninherit later\nNAME = "${LATER}"\n')
    assert.are.same({"1 lost-default"}, check 'WEAK += "1"\nNAME = "${WEAK}"\n')
    local _, found = check 'LATER += "1"\ninherit later\nNAME = "${LATER}"\n'
    assert.are.equal("'LATER' gets a text by '+=' in a_1.bb:1, so '?=' in later.bbclass:1 " ..
      "has no effect", found[1].message)
  end)

  it("words that grow together", function()
    local list = check('SRC_URI = "file://a"\nSRC_URI:append = "file://b"\n' ..
      'DEPENDS:prepend = "x"\nCFLAGS .= "-O2"\nNAME = "${SRC_URI} ${DEPENDS} ${CFLAGS}"\n')
    assert.are.same({"2 glued", "3 glued", "4 glued"}, list)
  end)

  it("an assignment that the next one hides", function()
    assert.are.same({"1 overwritten"}, check 'NAME = "1"\nNAME = "2"\n')
  end)

  it("functions and variables that nobody uses, and tasks that are none", function()
    local list = check("helper() {\n    :\n}\nOWN = \"1\"\ndo_deploy() {\n    :\n}\n")
    assert.are.same({"1 unused-function", "4 unused-variable", "5 unused-function"}, list)
  end)

  it("the spelling of overrides that counts no more, and calls of before", function()
    local list, found = check("RDEPENDS_${PN} = \"x\"\nNAME_class-native = \"1\"\n" ..
      "python do_x() {\n    d.getVar('A', True)\n}\naddtask x\n")
    assert.are.same({"1 deprecated", "2 deprecated", "4 deprecated"}, list)
    assert.are.equal("write 'RDEPENDS:${PN}'", found[1].fix)
    assert.are.equal("write 'NAME:class-native'", found[2].fix)
  end)

  it("what makes a file unreadable, with its place", function()
    local list, found = check 'NAME = "1"\noops\n'
    assert.are.same({"2 error"}, list)
    assert.is_truthy(found[1].message:find("unparsed line", 1, true))
  end)

  it("slips of an append and of an include, in the recipe that they are part of", function()
    local append = check('NAME:append = " ${NAMES}"\n', {["/m/r/a_1.bb"] = 'NAME = "1"\n'},
      "/m/r/a_%.bbappend")
    assert.are.same({"1 undefined"}, append)
    local include = check('NAME = "${NAMES}"\n', {["/m/r/a_1.bb"] = "require a.inc\n",
      ["/m/r/b_1.bb"] = 'NAMES = "1"\n'}, "/m/r/a.inc")
    assert.are.same({"1 undefined"}, include)
  end)

  it("a slip of an include only where it is one in every recipe that has it", function()
    assert.are.same({}, check('NAME = "${NAMES}"\n', {["/m/r/a_1.bb"] = "require a.inc\n",
      ["/m/r/b_1.bb"] = 'NAMES = "1"\nrequire a.inc\n'}, "/m/r/a.inc"))
  end)
end)

describe("lint has nothing to say of", function()
  it("names that are set anywhere, used by a class, documented, or BitBake's own", function()
    assert.are.same({}, check('READ_BY_CLASS = "1"\nNAME = "2"\nSRCREV_FORMAT = "x"\n' ..
      'called_by_class() {\n    :\n}\n'))
  end)

  it("a reference in a function, where it may be the shell's", function()
    assert.are.same({}, check("do_compile() {\n    echo ${undefined}\n}\n"))
  end)

  it("packages that are made on a condition or on demand", function()
    assert.are.same({}, check("PACKAGES += \"${=false and '-x' or ''}\"\n" ..
      'FILES:${PN}-x = "/x"\nPACKAGES_DYNAMIC = "^${PN}-plugin-.*"\nFILES:${PN}-plugin-y = "/y"\n'))
  end)

  it("an empty default, ':append', and text with a blank", function()
    assert.are.same({}, check('EMPTY += "1"\nWEAK:append = " 2"\nDEPENDS:append = " x"\n' ..
      'inherit later\nNAME = "${EMPTY} ${WEAK} ${DEPENDS}"\n'))
  end)

  it("an assignment that something reads before the next", function()
    assert.are.same({}, check('NAME = "1"\nCOPY := "${NAME}"\nNAME = "${COPY}2"\n'))
  end)
end)
