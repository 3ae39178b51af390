-- busted's terminal output, and a last line that a machine can read.
return function(options)
  local handler = require "busted.outputHandlers.utfTerminal"(options)
  require "busted".subscribe({"suite", "end"}, function()
    io.write(("%d passed, %d failed, %d skipped\n"):format(handler.successesCount,
      handler.failuresCount + handler.errorsCount, handler.pendingsCount))
    return nil, true
  end, {priority = 100})
  return handler
end
