--- One file that shows what a process, a trace or a search has done: la.report("x.html").
---
---     la.report("now.html")                              what this process is now, and its last ten minutes
---     t.report("then.html", { instants = list })         another process, with pictures of its heap over time
---     la.report("old.html", { instants = { "1.instant", "2.instant" }, process = false })     saved instants
---     la.report("tune.html", { tune = la.tune{...}, process = false })
---
--- The file is a page for a browser, without any request to elsewhere. It has a section for each part; a part without
--- data is left out, and a line says why. What the parts are is in lunalloc/report/: each makes sections of the page's
--- data from results of the module. The page itself is in lua/report/.

local check = require "lunalloc.check"

local OPTIONS <const> = { instants = true, history = true, trace = true, tune = true, profile = true, doctor = true,
    result = true, process = true, private = true, film = true }

local report = {}

local function check_options(options)
    check.that(options == nil or type(options) == "table", "report", 2, "a table of options expected")
    options = check.plain(options) or {}
    for name in pairs(options) do
        check.that(OPTIONS[name], "report", 2, "no option " .. check.shown(name))
    end
    return options
end

function report.install(api)
    --- Writes a report. Parts that are not given are taken from the process; `false` leaves one out, and
    --- process = false all that are not given. private = false: with command lines, paths and environment. Returns
    --- { bytes =, sections = names, missing = { { title =, why = } } }; nil, message, code.
    function api.report(path, options)
        check.text(path, "report", 1, "a path")
        local parts = check_options(options)
        local gather, page = require "lunalloc.report.gather", require "lunalloc.report.page"
        local data, message, code = gather.data(api, parts)
        if not data then
            return nil, message, code
        end
        local text
        text, message, code = page.text(data)
        if not text then
            return nil, message, code
        end
        local saved
        saved, message, code = page.save(path, text)
        if not saved then
            return nil, message, code
        end
        return gather.summary(data, #text)
    end
end

return report
