-- What is drawn with where the locale is not one of UTF-8.
local screen = require "spec.support.screen"

describe("what is drawn", function()
  it("is UTF-8 where the locale says so, or says nothing", function()
    for _, environment in ipairs {
      {}, {LANG = "en_GB.UTF-8"}, {LC_ALL = "C.utf8", LANG = "C"}, {LC_CTYPE = "de_DE.UTF-8"},
    } do
      assert.are.equal("a… · │", screen.interface(environment):drawn("a… · │"))
    end
  end)

  it("is ASCII elsewhere, each character in one column", function()
    for _, environment in ipairs {
      {LANG = "C"}, {LC_ALL = "POSIX", LANG = "en_GB.UTF-8"}, {LC_CTYPE = "de_DE.ISO-8859-1"},
    } do
      assert.are.equal("a~ - | ?", screen.interface(environment):drawn("a… · │ ä"))
    end
  end)
end)
