--- la.meter(): the meter of the running state, or nil.

require "lunalloc.adopt" -- gives meters their method set()

return require("lunalloc.core").meter
