/* attach.c -- see attach.h. */
#include "attach/attach.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attach/channel.h"
#include "attach/socket.h"
#include "attach/target_agent.h"
#include "attach/target_memory.h"

enum {
    LOOK_MS = 1 /* how often it is looked whether the agent listens */
};

/* ---- surveying ---- */

/* A child of fork has a copy of its parent's structure until its own fork handler has run. */
static bool
listens(const attach_survey_t *survey) {
    return survey->target.agent == AGENT_LISTENS && survey->target.pid == (uint32_t)survey->info.inner_pid;
}

__attribute__((format(printf, 3, 4))) static void
choose(attach_survey_t *survey, attach_way_t way, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(survey->why, sizeof(survey->why), format, args);
    va_end(args);
    survey->way = way;
}

static bool
is_stopped(const attach_survey_t *survey) {
    return survey->info.state == 'T' || survey->info.state == 't';
}

/* Of a process that runs lunalloc. */
static void
choose_way(process_t *process, attach_survey_t *survey) {
    const char *title = process_title(process);
    if (survey->target.booted == 0) {
        choose(survey, ATTACH_ANY, "%s has not allocated anything with lunalloc yet", title);
    } else if (is_stopped(survey)) {
        choose(survey, ATTACH_MEMORY, "%s is stopped by a %s", title,
               survey->info.state == 'T' ? "signal" : "debugger");
    } else if (listens(survey)) {
        choose(survey, ATTACH_AGENT, "%s", "");
    } else if (survey->target.agent == AGENT_NEVER) {
        choose(survey, ATTACH_MEMORY, "%s allows no agent: opt.agent is 'never', or it has more rights than its user",
               title);
    } else if (survey->info.filtered) {
        choose(survey, ATTACH_MEMORY,
               "%s has a seccomp filter, which may end a process for the agent's system calls: start it with "
               "LUNALLOC_CONF=agent:true, or attach with force = true if its filter refuses calls, as containers' do",
               title);
    } else {
        choose(survey, ATTACH_REQUEST, "%s has no agent yet", title);
    }
}

/* The socket that an agent told of, or that may be its. */
static bool
socket_of(process_t *process, const attach_survey_t *survey, char path[TARGET_SOCKET]) {
    if (survey->error == EPERM) {
        return socket_guess(process, path, TARGET_SOCKET);
    }
    snprintf(path, TARGET_SOCKET, "%s", survey->target.socket);
    return survey->found && listens(survey);
}

int
attach_survey(process_t *process, attach_survey_t *survey) {
    memory_t *memory = memory_of(process);
    char path[TARGET_SOCKET];
    *survey = (attach_survey_t){0};
    int error = process_info(process, &survey->info);
    if (error != 0) {
        return error;
    }
    survey->error = find_target(memory, process_title(process), &survey->addr, &survey->target);
    survey->found = survey->error == 0;
    if (survey->found) {
        choose_way(process, survey);
    } else {
        snprintf(survey->why, sizeof(survey->why), "%s", memory->message);
        survey->way = socket_of(process, survey, path) ? ATTACH_AGENT : ATTACH_ANY;
    }
    return survey->error == ESRCH ? ESRCH : 0;
}

/* ---- agent ---- */

static int
fail_stopped(process_t *process, const attach_survey_t *survey) {
    return memory_fail(memory_of(process), EAGAIN,
                       "%s is stopped by a %s: continue it, or read it without its help (way = 'memory')",
                       process_title(process), survey->info.state == 'T' ? "signal" : "debugger");
}

/* The target takes over the process if this succeeds. */
static int
connect_agent(process_t *process, const char *path, int timeout_ms, target_handle_t **out) {
    channel_t *channel;
    int error = channel_open(process, path, timeout_ms, &channel);
    if (error != 0) {
        return error;
    }
    *out = target_agent_open(process, channel);
    if (*out == NULL) {
        channel_close(channel);
        return memory_fail(memory_of(process), ENOMEM, "no memory for a target");
    }
    return 0;
}

static int
attach_agent(process_t *process, const attach_survey_t *survey, const attach_options_t *options,
             target_handle_t **out) {
    char path[TARGET_SOCKET];
    if (!socket_of(process, survey, path)) {
        return memory_fail(memory_of(process), EAGAIN, "%s has no agent that listens: way = 'request' starts one",
                           process_title(process));
    }
    return is_stopped(survey) ? fail_stopped(process, survey) : connect_agent(process, path, options->timeout_ms, out);
}

/* ---- request ---- */

static int
write_force(process_t *process, const attach_survey_t *survey) {
    memory_t *memory = memory_of(process);
    const uint32_t forced = 1;
    return memory->ops->write(memory, survey->addr + offsetof(target_t, forced), &forced, sizeof(forced));
}

static int
write_request(process_t *process, uint64_t addr) {
    memory_t *memory = memory_of(process);
    uint32_t requests;
    int error = memory->ops->read(memory, addr, &requests, sizeof(requests));
    requests++;
    return error != 0 ? error : memory->ops->write(memory, addr, &requests, sizeof(requests));
}

/* Why no agent may be requested. 0 if one may. */
static int
check_request(process_t *process, const attach_survey_t *survey, bool force) {
    memory_t *memory = memory_of(process);
    if (survey->target.booted == 0) {
        return memory_fail(memory, EAGAIN, "%s", survey->why);
    }
    if (survey->target.agent == AGENT_NEVER || (survey->info.filtered && !force)) {
        return memory_fail(memory, EPERM, "%s", survey->why);
    }
    return 0;
}

static int
fail_start(process_t *process, const target_t *now, int wait_ms) {
    memory_t *memory = memory_of(process);
    const char *title = process_title(process);
    switch ((agent_state_t)atomic_get(&now->agent)) {
    case AGENT_FAILED:
        return memory_fail(memory, EAGAIN, "the agent of %s could not start: %s", title, strerror((int)now->error));
    case AGENT_NEVER:
        return memory_fail(memory, EPERM, "%s allows no agent", title);
    case AGENT_STARTING:
        return memory_fail(memory, ETIMEDOUT, "the agent of %s is still starting after %d ms", title, wait_ms);
    default:
        return memory_fail(memory, ETIMEDOUT,
                           "%s has not started an agent within %d ms: a thread does when it next "
                           "allocates, and it may be idle",
                           title, wait_ms);
    }
}

/* Waits until the agent listens; looks often at first. */
static int
await_agent(process_t *process, attach_survey_t *survey, int wait_ms) {
    memory_t *memory = memory_of(process);
    bool failed_before = survey->target.agent == AGENT_FAILED;
    for (int waited = 0; !listens(survey); waited += LOOK_MS) {
        bool failed = survey->target.agent == AGENT_FAILED && !failed_before;
        if (waited > wait_ms || survey->target.agent == AGENT_NEVER || failed) {
            return fail_start(process, &survey->target, wait_ms);
        }
        poll(NULL, 0, LOOK_MS);
        int error = find_target_again(memory, process_title(process), survey->addr, &survey->target);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int
attach_request(process_t *process, attach_survey_t *survey, const attach_options_t *options, target_handle_t **out) {
    int error = survey->found ? 0 : memory_fail(memory_of(process), survey->error, "%s", survey->why);
    if (error == 0 && is_stopped(survey)) {
        error = fail_stopped(process, survey);
    }
    if (error == 0 && !listens(survey)) {
        error = check_request(process, survey, options->force);
        if (error == 0 && options->force) {
            error = write_force(process, survey);
        }
        if (error == 0) {
            error = write_request(process, survey->target.requests);
        }
        if (error == 0) {
            error = await_agent(process, survey, options->wait_ms);
        }
    }
    return error != 0 ? error : connect_agent(process, survey->target.socket, options->timeout_ms, out);
}

/* ---- any ---- */

/* Obstacles that reading alone goes around. */
static bool
is_passable(int error) {
    return error != 0 && error != ESRCH && error != ENOMEM && error != EPROTO;
}

static int
attach_by(attach_way_t way, process_t *process, attach_survey_t *survey, const attach_options_t *options,
          target_handle_t **out) {
    switch (way) {
    case ATTACH_AGENT:
        return attach_agent(process, survey, options, out);
    case ATTACH_REQUEST:
        return attach_request(process, survey, options, out);
    case ATTACH_MEMORY:
        if (!survey->found) {
            return memory_fail(memory_of(process), survey->error, "%s", survey->why);
        }
        return target_memory_attach(process, survey->addr, out);
    default:
        return memory_fail(memory_of(process), EAGAIN, "%s", survey->why);
    }
}

/* Tries the best way, then reading alone. `why`: why it is not the best one. */
static int
attach_any(process_t *process, attach_survey_t *survey, const attach_options_t *options, target_handle_t **out,
           char *why, size_t size) {
    bool forced = options->force && survey->found && check_request(process, survey, true) == 0;
    attach_way_t best = forced && survey->way == ATTACH_MEMORY && !is_stopped(survey) ? ATTACH_REQUEST : survey->way;
    int error = attach_by(best, process, survey, options, out);
    snprintf(why, size, "%s", best == ATTACH_MEMORY ? survey->why : error != 0 ? memory_of(process)->message : "");
    if (is_passable(error) && (best == ATTACH_AGENT || best == ATTACH_REQUEST)) {
        int other = attach_by(ATTACH_MEMORY, process, survey, options, out);
        error = other == 0 || other == ESRCH ? other : error;
    }
    return error;
}

static int
attach_process(process_t *process, const attach_options_t *options, target_handle_t **out, char *message, size_t size) {
    attach_survey_t survey;
    message[0] = '\0';
    int error = attach_survey(process, &survey);
    if (error == 0 && !survey.found && survey.way != ATTACH_AGENT) {
        error = survey.error;
        snprintf(message, size, "%s", survey.why);
    }
    if (error == 0 && options->way == ATTACH_ANY) {
        error = attach_any(process, &survey, options, out, message, size);
    } else if (error == 0) {
        error = attach_by(options->way, process, &survey, options, out);
    }
    if (error != 0 && message[0] == '\0') {
        snprintf(message, size, "%s", memory_of(process)->message);
    }
    return error;
}

int
attach(pid_t pid, const attach_options_t *options, target_handle_t **out, char *message, size_t size) {
    process_t *process;
    int error = process_open(pid, options->start, &process, message, size);
    if (error != 0) {
        return error;
    }
    error = attach_process(process, options, out, message, size);
    if (error != 0) {
        process_close(process);
    }
    return error;
}
