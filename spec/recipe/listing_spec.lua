-- Which recipes and appends there are, and which metadata layer each is of.
local answers = require "spec.recipe.answers"
local core = require "moonsand.core"
local fault = require "moonsand.fault"
local listing = require "moonsand.recipe.listing"
local python = require "moonsand.build.python"
local recipe = require "moonsand.recipe"
local regex = require "moonsand.recipe.regex"

describe("bbappends", function()
  it("belong to the recipe of the same name, a percent sign cuts", function()
    local appends = {"/a/x_1.0.bbappend", "/a/x_%.bbappend", "/a/x_1.%.bbappend", "/a/y_%.bbappend"}
    assert.are.same({appends[1], appends[2], appends[3]}, listing.appends("/r/x_1.0.bb", appends))
    assert.are.same({appends[2]}, listing.appends("/r/x_2.0.bb", appends))
  end)

  it("are found in the order given, whatever stands before the sign", function()
    local appends = {"/a/%.bbappend", "/a/y_1.bbappend", "/a/x%y.bbappend", "/b/y_1.bbappend"}
    assert.are.same({appends[1], appends[2], appends[4]}, listing.appends("/r/y_1.bb", appends))
    assert.are.same({appends[1], appends[3]}, listing.appends("/r/xs_2.bb", appends))
    assert.are.same({}, listing.appends("/r/x.bb", {"/a/xy%.bbappend"}))
  end)

  it("are refused when no recipe is theirs, all of them at once", function()
    local appends = {"/a/x_%.bbappend", "/a/y_1.bbappend", "/a/z%.bbappend"}
    local ok, problem = pcall(listing.check_appends, {"/r/y_1.bb"}, appends)
    assert.is_false(ok)
    assert.are.equal("no recipe fits '/a/x_%.bbappend' nor '/a/z%.bbappend'", problem.message)
    listing.check_appends({"/r/y_1.bb", "/r/x_2.bb", "/r/zz.bb"}, appends)
  end)
end)

describe("a plain regular expression", function()
  it("is a pattern of Lua's that matches the same", function()
    for expression, text in pairs {
      ["a.c"] = "abc", ["a\\.c"] = "a.c", ["^/m/.*%d"] = "/m/x%d", ["m-x$"] = "/m-x", [".*"] = "",
      ["/a\\+b/"] = "/a+b/", ["\\(x\\)"] = "(x)",
    } do
      assert.is_truthy(text:find((assert(regex.plain(expression)))), expression)
    end
    for expression, text in pairs {["a\\.c"] = "abc", ["^b"] = "ab", ["b$"] = "bc"} do
      assert.is_nil(text:find((assert(regex.plain(expression)))))
    end
  end)

  it("has no repetition but '.*', no group, no set and no class", function()
    for _, expression in ipairs {
      "a*", "a+", "x?", ".+", ".?", ".*?", ".**", "a{2}", "(a)", "[ab]", "a|b", "\\d", "\\bx", "a^",
      "$a", "a\\", ".{2}", "^*",
    } do
      assert.is_nil(regex.plain(expression), expression)
    end
  end)
end)

describe("the files of metadata layers", function()
  local opened = {}

  after_each(function()
    for _, config in ipairs(opened) do config:close() end
    opened = {}
  end)

  local function configure(text, how)
    local files = {["/m/conf/moonsand.conf"] = text, ["/m/classes/base.bbclass"] = ""}
    for _, name in ipairs {"a/a_1.bb", "a/a_2.bb", "b/b.bb", "b/in/c.bb", "b/a_1.bbappend",
      "a/a_%.bbappend"} do
      files["/m/" .. name] = 'SEEN:append = " ' .. name .. '"\n'
    end
    local config = recipe.configure {path = {"/m"}, disk = answers.disk(files), python = how}
    opened[#opened + 1] = config
    return config
  end

  local everything = 'BBFILES = "/m/a/* /m/b/* /m/b/in/*"\n'

  local function collections(more)
    return everything .. 'BBFILE_COLLECTIONS = "a b"\nBBFILE_PATTERN_a = "^/m/a/"\n' ..
      'BBFILE_PATTERN_b = "^/m/b/"\n' .. (more or "")
  end

  local function problem_of(text, how)
    local config = configure(text, how)
    local ok, problem = pcall(config.recipes, config)
    assert.is_false(ok)
    assert.is_true(fault.is(problem), tostring(problem))
    return problem
  end

  it("are all below a directory that BBFILES names", function()
    local config = configure 'BBFILES = "/m/b /m/a"\n'
    assert.are.same({"/m/b/b.bb", "/m/b/in/c.bb", "/m/a/a_1.bb", "/m/a/a_2.bb"}, config:recipes())
    assert.are.same({"/m/b/a_1.bbappend", "/m/a/a_%.bbappend"}, config.appends)
  end)

  it("come in the order of the layers' priorities, appends too", function()
    local config = configure(collections 'BBFILE_PRIORITY_a = "6"\nBBFILE_PRIORITY_b = "5"\n')
    assert.are.same({"/m/b/b.bb", "/m/b/in/c.bb", "/m/a/a_1.bb", "/m/a/a_2.bb"}, config:recipes())
    assert.are.equal(" a/a_1.bb b/a_1.bbappend a/a_%.bbappend",
      config:load("/m/a/a_1.bb").data:get "SEEN")
    assert.are.equal("/m/b/* /m/b/in/* /m/a/*", config.data:get "BBFILES_PRIORITIZED")
  end)

  it("are all those below a word of BBFILES that is a directory", function()
    assert.are.same({"/m/b/b.bb", "/m/b/in/c.bb"}, configure('BBFILES = "/m/b"\n' ..
      'BBMASK = "bbappend"\n'):recipes())
  end)

  it("belong to the layer inside, when one layer is inside another", function()
    local config = configure(collections(
      'BBFILE_COLLECTIONS += "in"\nBBFILE_PATTERN_in = "^/m/b/in/"\nBBFILE_PRIORITY_in = "9"\n'))
    local c = config:load("/m/b/in/c.bb")
    assert.are.same({"in", 9}, {c.layer, c.priority})
    assert.are.equal("b", config:load("/m/b/b.bb").layer)
  end)

  it("of a layer without a priority come after those of the layers that it needs", function()
    local config = configure(collections 'BBFILE_PRIORITY_a = "6"\nLAYERDEPENDS_b = "a"\n')
    assert.are.equal(7, config:load("/m/b/b.bb").priority)
  end)

  it("are refused when a layer needs one that is not there, or of another version", function()
    local problem = problem_of(collections 'LAYERDEPENDS_b = "z"\n')
    assert.is_truthy(problem.message:find("needs the layer 'z'", 1, true))
    assert.are.equal("/m/conf/moonsand.conf:5", problem.where)
    problem = problem_of(collections 'LAYERDEPENDS_b = "a (>= 3)"\nLAYERVERSION_a = "2"\n')
    assert.is_truthy(problem.message:find("version >= 3 of the layer 'a', which is version 2", 1,
      true))
    configure(collections 'LAYERDEPENDS_b = "a (>= 3)"\nLAYERVERSION_a = "10"\n'):recipes()
  end)

  it("are refused when a layer has no pattern, or a priority that is no number", function()
    local problem = problem_of(everything .. 'BBFILE_COLLECTIONS = "a"\n')
    assert.are.equal("BBFILE_PATTERN_a is not set", problem.message)
    problem = problem_of(collections 'BBFILE_PRIORITY_a = "high"\n')
    assert.are.equal("BBFILE_PRIORITY_a is 'high'", problem.message)
  end)

  it("need Python for a mask that Lua does not recognize, and for no other", function()
    assert.are.equal("python", problem_of(everything .. 'BBMASK = "a_\\d"\n').reason)
    assert.are.same({"/m/a/a_2.bb"}, configure(everything ..
      'BBMASK = "a_(1|7) /b/(?!a)"\n'):recipes())
  end)

  describe("with Python", function()
    if not core.stat("/usr/bin/python3") then
      it("run", function() pending("there is no /usr/bin/python3") end)
      return
    end

    local function with_python(text)
      return configure(text, python.new(core.realpath("python")))
    end

    it("are hidden by any regular expression of Python's in BBMASK", function()
      local config = with_python(everything .. 'BBMASK = "/a_(?!1)\\d\\.bb$ /(b|in)/[bc]\\.bb"\n')
      assert.are.same({"/m/a/a_1.bb"}, config:recipes())
    end)

    it("stay when a mask is no regular expression, which is warned about", function()
      local config = with_python(everything .. 'BBMASK = "a( /b/"\n')
      assert.are.same({"/m/a/a_1.bb", "/m/a/a_2.bb"}, config:recipes())
      assert.is_truthy(config.warnings[1]:find("BBMASK holds 'a('", 1, true))
    end)

    it("belong to the layer whose pattern is any regular expression that begins their path",
      function()
        local config = with_python(everything .. 'BBFILE_COLLECTIONS = "a b"\n' ..
          'BBFILE_PATTERN_a = "/m/[^/]+/a"\nBBFILE_PATTERN_b = "(?:/x|/m)/b/"\n')
        assert.are.equal("a", config:load("/m/a/a_1.bb").layer)
        assert.are.equal("b", config:load("/m/b/in/c.bb").layer)
      end)

    it("are refused when a pattern is no regular expression", function()
      local problem = problem_of(everything .. 'BBFILE_COLLECTIONS = "a"\n' ..
        'BBFILE_PATTERN_a = "/m/(a"\n', python.new(core.realpath("python")))
      assert.is_truthy(problem.message:find("'/m/(a' is not a regular expression", 1, true))
    end)
  end)
end)
