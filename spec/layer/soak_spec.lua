-- Everything at once for some seconds; `make soak-store` does it for ten minutes.
local layers = require "spec.support.layers"

describe("four builds and two collections", function()
  it("killed at any moment leave a store that is whole, and nothing that a pin names is lost",
    function()
      local output, ok = layers.sh(("LUA_PATH='%s' LUA_CPATH='%s' lua5.4 "
        .. "spec/support/soak_store.lua 6 40"):format(package.path, package.cpath))
      assert.is_truthy(ok, output)
      assert.matches("^%d+ killed, 0 failed, 0 damaged, 0 lost, 0 left\n$", output)
    end)
end)
