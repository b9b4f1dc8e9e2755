--- A recorded trace as what la.tune runs: each run is a replay in a child process. A job as trial.lua makes one.

return function(_, _, _)
    return nil, "traces cannot be replayed here", "ENOTSUP"
end
