-- lunalloc.plot: pictures.

local test = ...
local plot = require "lunalloc.plot"

local function lines_of(text)
    local lines = {}
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
        lines[#lines + 1] = line
    end
    return lines
end

local function ramp(n)
    local values = {}
    for i = 1, n do
        values[i] = i - 1
    end
    return values
end

-- What stands in the raster: the text between the y axis and the labels.
local function ascii(options)
    options.mode, options.colour = "ascii", false
    return plot(options)
end

test("a ramp rises from the lower left to the upper right", function()
    local text = ascii { series = { { name = "r", values = ramp(11) } }, width = 30, height = 3 }
    local lines = lines_of(text)
    test.match(lines[1], "^10%+%s+%*+$")
    test.match(lines[2], "^ *[|+]%s+%*+%s*$")
    test.match(lines[3], "^ 0%+%*+$")
    test.match(lines[#lines], "^%* r 10$")
end)

-- The y axis of a picture of one value, from the top: "8 6 4 2 0".
local function y_axis(value, height, unit)
    local labels = {}
    for _, line in ipairs(lines_of(ascii { series = { { values = { 0, value } } }, height = height, unit = unit })) do
        labels[#labels + 1] = line:match "^ *(%-?%d[^+|]-)%+"
    end
    return table.concat(labels, " ")
end

test("the y axis has steps of 1, 2 or 5 and ends at or above the largest value", function()
    test.equal(y_axis(7, 12), "8 6 4 2 0")
    test.equal(y_axis(8, 12), "8 6 4 2 0")
    test.equal(y_axis(8.01, 12), "10 5 0")
    test.equal(y_axis(4, 12), "4 3 2 1 0")
    test.equal(y_axis(70, 12), "80 60 40 20 0")
    test.equal(y_axis(17, 12), "20 15 10 5 0")
    test.equal(y_axis(41, 12), "60 40 20 0")
    test.equal(y_axis(0.7, 12), "0.8 0.6 0.4 0.2 0")
    test.equal(y_axis(-7, 12), "0 -2 -4 -6 -8")
    test.equal(y_axis(7, 3), "10 0")
    test.equal(y_axis(70000, 12), "80k 60k 40k 20k 0")
    test.equal(y_axis(5 << 20, 12, "bytes"), "6 MiB 4 MiB 2 MiB 0 B")
end)

test("the x axis has such steps, too", function()
    local text = ascii { series = { { values = { 0, 1, 2 } } }, x = { 0, 3.5, 7 }, width = 60 }
    test.match(text, "\n +0s +2s +4s +6s$")
    text = ascii { series = { { values = ramp(8) } }, width = 60 }
    test.match(text, "\n +2 +4 +6 +8$")
end)

test("no line is wider than asked, in every mode", function()
    local values = {}
    for i = 1, 500 do
        values[i] = math.sin(i / 20) * 1e9
    end
    for _, mode in ipairs { "braille", "blocks", "ascii" } do
        for _, width in ipairs { 40, 61, 80, 200 } do
            local text = plot { series = { { name = "one", values = values }, { name = "two", values = ramp(500) } },
                marks = { { x = 250, label = ("m"):rep(300) } }, width = width, mode = mode, colour = false,
                unit = "bytes" }
            for _, line in ipairs(lines_of(text)) do
                test.equal(utf8.len(line) <= width + 8, true, mode .. " " .. width .. ": " .. line)
            end
        end
    end
end)

test("the modes use their own characters", function()
    local series = { { name = "s", values = ramp(20) } }
    test.match(plot { series = series, mode = "braille" }, "[\xe2][\xa0-\xa3]")
    test.match(plot { series = series, mode = "blocks" }, "\xe2\x96")
    test.equal(plot({ series = series, mode = "ascii", colour = false }):find "[\x80-\xff]", nil)
end)

test("braille draws the dots that it should", function()
    -- one cell row, ten columns: values 0 and 1 are the lowest and the highest of four dots
    local text = plot { series = { { values = { 0, 0 } } }, mode = "braille", width = 10, height = 1, colour = false }
    test.match(text, "⣀")
    text = plot { series = { { values = { 1, 1 } } }, mode = "braille", width = 10, height = 1, colour = false }
    test.match(text, "⠉")
end)

test("series differ: by letters in ASCII, by dashes in braille, by colours if there are", function()
    local series = { { name = "a", values = { 1, 1, 1 } }, { name = "b", values = { 2, 2, 2 } } }
    local text = ascii { series = series, width = 60 }
    test.match(text, "%*%*%*%*")
    test.match(text, "oooo")
    text = plot { series = series, width = 60, mode = "braille", colour = false }
    test.match(text, "⣀⣀⣀⣀⣀⣀⣀⣀")
    test.match(text, "⠉ ⠈")
    text = plot { series = series, width = 60, mode = "braille", colour = true }
    test.match(text, "\27%[36m")
    test.match(text, "\27%[33m")
    test.equal(plot({ series = series, mode = "braille", colour = false }):find("\27", 1, true), nil)
end)

test("bytes have binary units, x given is seconds", function()
    local text = ascii { series = { { name = "rss", values = { 0, 96 << 20 } } }, x = { 0, 10 }, unit = "bytes" }
    test.match(text, "96 MiB%+")
    test.match(text, " 0 B%+")
    test.match(text, "\n +0s .* 10s")
    test.match(text, "rss 96 MiB")
end)

test("marks have a line and their label", function()
    local text = ascii { series = { { values = ramp(100) } }, width = 100, marks = { { x = 30, label = "here" },
        { x = 90, label = "late" }, { x = 31, label = "near" }, { x = 1e9, label = "outside" } } }
    test.match(text, "v here")
    test.match(text, "v late")
    test.match(text, "near")
    test.equal(text:find("outside", 1, true), nil)
    test.match(text, ":")
end)

test("nothing to draw is said", function()
    test.equal(plot { series = {}, title = "t" }, "t\n(no data)")
    test.equal(plot { series = { { values = {} } } }, "(no data)")
    test.equal(plot { series = { { values = { 0 / 0, 1 / 0, -1 / 0 } } } }, "(no data)")
    test.equal(plot { series = { { values = { 1 } } }, x = {} }, "(no data)")
end)

test("odd data is drawn", function()
    for _, values in ipairs { { 5 }, { 0, 0 }, { -3, -3 }, { 1, 0 / 0, 2 }, { 1e299, -1e299 }, { 1e-300 },
        { 1, 1.7e308 }, { math.maxinteger }, { math.mininteger, math.maxinteger }, { 1, 2, 1 / 0 } } do
        for _, width in ipairs { 1, 5, 15, 80 } do
            for _, mode in ipairs { "braille", "blocks", "ascii" } do
                local text = plot { series = { { name = "x", values = values } }, width = width, height = 1 + width % 7,
                    mode = mode, unit = "bytes" }
                test.match(text, "x ")
            end
        end
    end
end)

test("a gap is a gap", function()
    local text = ascii { series = { { values = { 1, 1, 0 / 0, 1, 1 } } }, width = 50, height = 2 }
    test.match(text, "%+%*+ +%*+ %* series 1")
end)

test("each dot has its own bit", function()
    local function only_dot(values, height)
        return plot { series = { { values = values } }, mode = "braille", width = 12, height = height, colour = false }
    end
    test.match(only_dot { 0 }, "⡀")
    test.match(only_dot { 0 / 0, 0, 0 / 0, 0 }, "⡀ +⢀\n")
    test.match(only_dot { 0 / 0, 1, 0 / 0, 1 }, "⠁ +⠈\n")
end)

test("labels of series that end at one place stand below each other", function()
    local one = { 1, 1 }
    local text = ascii { series = { { name = "a", values = one }, { name = "b", values = one } }, width = 70 }
    test.match(text, " %* a 1\n[^\n]* o b 1\n")
end)

test("a mark beyond the axis has no line", function()
    local text = ascii { series = { { values = ramp(3) } }, marks = { { x = 99, label = "late" } }, width = 40 }
    test.equal(text:find(":", 1, true), nil)
end)

test("thousands from ten of them on", function()
    local function top(value)
        return ascii { series = { { values = { value } } }, width = 40, height = 3 }:match "^ *(%S+)%+"
    end
    test.equal(top(5000), "5000")
    test.equal(top(10000), "10k")
    test.equal(top(20000), "20k")
end)

test("misuse raises and says what is allowed", function()
    test.raises("takes a table, not nil", plot)
    test.raises("unknown key 'serie'; known: series", plot, { serie = {} })
    test.raises("series must be an array", plot, { series = 3 })
    test.raises("series%[1%].values must be an array of numbers, not nil", plot, { series = { {} } })
    test.raises("series%[1%].values%[2%] must be a number, not string", plot, { series = { { values = { 1, "2" } } } })
    test.raises("x must be an array", plot, { series = {}, x = 1 })
    test.raises("marks%[1%]", plot, { series = {}, marks = { 1 } })
    test.raises("braille, blocks or ascii, not 'svg'", plot, { series = {}, mode = "svg" })
    test.raises("width must be an integer from 1 to 1000, not 0", plot, { series = {}, width = 0 })
end)

test("what a process says when it has no history is said by .plot", function()
    local picture = require "lunalloc.prompt.picture"
    test.fails("ENOTSUP", "^no agent here$", picture(nil, { history = function()
        return nil, "no agent here", "ENOTSUP"
    end }))
    test.fails(nil, "^nothing to plot: no workload runs$", picture(nil, {}))
end)
