-- The base configuration: renamed variables, handlers that want it read again, multiconfigs.
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local host = require "spec.support.host"
local python = require "moonsand.build.python"
local recipe = require "moonsand.recipe"

describe("the base configuration", function()
  local scratch, opened

  before_each(function() scratch, opened = host.scratch(), {} end)
  after_each(function()
    for _, config in ipairs(opened) do config:close() end
    scratch:__close()
  end)

  local function configure(files, how)
    for name, text in pairs(files) do scratch:file(name, text) end
    local config = recipe.configure {path = {scratch.path}, python = how}
    opened[#opened + 1] = config
    return config
  end

  local function problem_of(run, ...)
    local ok, problem = pcall(run, ...)
    assert.is_false(ok)
    assert.is_true(fault.is(problem), tostring(problem))
    return problem
  end

  local plain = 'BBFILES = "${BBPATH}/r/*.bb"\nBB_RENAMED_VARIABLES[OLD] = "NEW"\n' ..
    'BB_RENAMED_VARIABLES[GONE] = "is not supported any more"\n'

  it("is refused when it sets a variable by the name that it had", function()
    local problem = problem_of(configure, {["conf/moonsand.conf"] = plain .. 'OLD = "1"\n'})
    assert.are.equal("variable 'OLD' is called 'NEW' now", problem.message)
    assert.are.equal(scratch.path .. "/conf/moonsand.conf:4", problem.where)
    problem = problem_of(configure, {["conf/moonsand.conf"] = plain .. 'GONE:x = "1"\n'})
    assert.are.equal("variable 'GONE' is not supported any more", problem.message)
    problem = problem_of(configure, {["conf/moonsand.conf"] = 'BB_ENV_WHITELIST = "1"\n'})
    assert.are.equal("variable 'BB_ENV_WHITELIST' is called 'BB_ENV_PASSTHROUGH' now",
      problem.message)
  end)

  it("refuses recipes that do so, and no others", function()
    local config = configure {["conf/moonsand.conf"] = plain, ["r/a.bb"] = 'X = "1"\nOLD:x = "1"\n',
      ["r/b.bb"] = 'NEW = "1"\nunset OLD\n'}
    local file = scratch.path .. "/r/a.bb"
    assert.are.equal("variable 'OLD' is called 'NEW' now", problem_of(config.load, config,
      file).message)
    assert.are.equal("1", config:load(scratch.path .. "/r/b.bb").data:get "NEW")
  end)

  it("names the files that it was made from, and a recipe's, in BBINCLUDED", function()
    local config = configure {["conf/moonsand.conf"] = plain .. "include conf/more.conf\n",
      ["r/a.bb"] = "inherit c\n", ["classes/c.bbclass"] = ""}
    local function included(d, name)
      return (" " .. d:get "BBINCLUDED" .. " "):find((" %s/%s "):format(scratch.path, name), 1,
        true) ~= nil
    end
    assert.is_true(included(config.data, "conf/moonsand.conf"))
    assert.is_true(included(config.data, "conf/more.conf"))
    local d = config:load(scratch.path .. "/r/a.bb").data
    assert.is_true(included(d, "classes/c.bbclass"))
    assert.is_true(included(d, "conf/moonsand.conf"))
    assert.is_false(included(config.data, "classes/c.bbclass"))
  end)

  it("names files that were looked for in vain by their full names, too", function()
    local config = configure {["conf/moonsand.conf"] = plain ..
      "include ${BBPATH}/conf/none.conf\ninclude_all conf/nowhere.conf\n"}
    local files = config.data.files
    assert.is_false(files[scratch.path .. "/conf/none.conf"])
    assert.is_false(files[scratch.path .. "/conf/nowhere.conf"])
  end)

  it("has a variant for each multiconfig, with the recipes read anew", function()
    local config = configure {
      ["conf/moonsand.conf"] = plain .. 'BBMULTICONFIG = "small"\nSIZE ?= "1"\n' ..
        "include conf/${=BB_CURRENT_MC == '' and 'none' or BB_CURRENT_MC}.conf\n",
      ["conf/small.conf"] = 'SIZE = "0"\n', ["r/a.bb"] = 'A = "${SIZE}"\n',
    }
    local file = scratch.path .. "/r/a.bb"
    assert.are.equal("1", config:load(file).data:get "A")
    assert.are.equal("0", config:multiconfig("small"):load(file).data:get "A")
    assert.are.equal(config, config:multiconfig "")
    local problem = problem_of(config.multiconfig, config, "large")
    assert.are.equal("there is no multiconfig 'large'", problem.message)
    assert.are.equal("BBMULTICONFIG names small", problem.hint)
  end)

  describe("with Python", function()
    if not core.stat("/usr/bin/python3") then
      it("runs", function() pending("there is no /usr/bin/python3") end)
      return
    end

    local handler = [[
addhandler check
check[eventmask] = "bb.event.ConfigParsed"
python check() {
    if d.getVar("VERSION") != "2":
        d.setVar("BB_INVALIDCONF", True)
}
]]

    it("is read again for a handler that finds it out of date, as long as that helps", function()
      local how = python.new(core.realpath("python"))
      local files = {["conf/moonsand.conf"] = plain .. 'VERSION = "1"\n',
        ["classes/base.bbclass"] = handler}
      assert.is_truthy(problem_of(configure, files, how).message:find("BB_INVALIDCONF", 1, true))
      local config = configure(files, {start = function(...) -- the first one to ask mends it
        scratch:file("conf/moonsand.conf", plain .. 'VERSION = "2"\n')
        return how.start(...)
      end})
      assert.are.equal("2", config.data:get "VERSION")
    end)

    it("starts Python once: what it is to see is known before, all layers and COREBASE", function()
      local how, seen = python.new(core.realpath("python")), {}
      local base = scratch:dir("base")
      local layer = '${@os.path.normpath("${LAYERDIR}/../")}'
      scratch:file("base/one/conf/layer.conf", ("COREBASE = '%s'\nA := \"${@'%%s' %% 1}\"\n")
        :format(layer))
      scratch:file("base/two/conf/layer.conf", "B := \"${@'%s' % 2}\"\n")
      scratch:file("build/conf/bblayers.conf", ('BBLAYERS = "%s/one %s/two"\n'):format(base, base))
      scratch:file("build/conf/moonsand.conf", "C := \"${@'%s' % 3}\"\n")
      opened[1] = recipe.configure {path = {scratch.path .. "/build"}, python = {
        start = function(stream, directories)
          for _, each in ipairs(directories) do seen[each.path] = (seen[each.path] or 0) + 1 end
          return how.start(stream, directories)
        end}}
      assert.are.same({1, 1, 1}, {seen[base], seen[base .. "/one"], seen[base .. "/two"]})
    end)
  end)
end)
