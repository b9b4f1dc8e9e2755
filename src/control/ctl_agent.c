/* ctl_agent.c -- opt.agent, agent.* and its audit. */
#include "base/options.h"
#include "control/agent.h"
#include "control/audit.h"
#include "control/ctl_args.h"
#include "control/ctl_call.h"
#include "control/ctl_option.h"
#include "control/target.h"

/* agent_option_t */
static const ctl_keyword_t agent_keywords[] = {"false", "true", "read-only", "never", ""};

/* agent_state_t */
static const char *const state_names[] = {"off", "starting", "listens", "never", "failed"};

int
read_opt_agent(ctl_call_t *call) {
    call->value.v.s = agent_keywords[options.agent];
    return 0;
}

int
store_opt_agent(ctl_call_t *call) {
    uint32_t number;
    if (!ctl_choose(agent_keywords, call->value.v.s, &number, call->why)) {
        return EINVAL;
    }
    options.agent = (agent_option_t)number;
    return 0;
}

static agent_state_t
state(void) {
    return (agent_state_t)atomic_get_acquire(&lunalloc_target.agent);
}

int
read_agent_state(ctl_call_t *call) {
    call->value.v.s = state_names[state()];
    return 0;
}

int
read_agent_active(ctl_call_t *call) {
    call->value.v.b = agent_is_on();
    return 0;
}

int
write_agent_active(ctl_call_t *call) {
    int error = agent_set(call->value.v.b);
    if (error == EPERM) {
        fmt_str(call->why, "this process allows no agent (opt.agent is never, or it runs set-uid, or it is a vfork's)");
        return EAGAIN;
    }
    if (error == ENOTSUP) {
        fmt_str(call->why, "this system has no sockets that it could listen on");
        return ENOTSUP;
    }
    if (error != 0) {
        fmt_str(call->why, "the system refuses another thread (its limit on threads, or memory)");
        return EAGAIN;
    }
    return 0;
}

int
read_agent_path(ctl_call_t *call) {
    call->value.v.s = state() == AGENT_LISTENS ? lunalloc_target.socket : "";
    return 0;
}

int
read_agent_read_only(ctl_call_t *call) {
    call->value.v.b = options.agent == agent_read_only;
    return 0;
}

int
read_agent_number(ctl_call_t *call) {
    switch ((agent_number_t)call->row->arg) {
    case AGENT_ERROR:
        call->value.v.u = state() == AGENT_FAILED ? atomic_get(&lunalloc_target.error) : 0;
        break;
    case AGENT_NAUDIT:
        call->value.v.u = audit_count();
        break;
    default:
        call->value.v.u = agent_connections();
        break;
    }
    return 0;
}

static void
copy_audit(const audit_t *audit, audit_field_t field, lunalloc_value_t *value) {
    switch (field) {
    case AUDIT_NAME:
        value->v.s = audit->name;
        break;
    case AUDIT_NEW:
        value->v.s = audit->new;
        break;
    case AUDIT_OLD:
        value->v.s = audit->old;
        break;
    case AUDIT_PID:
        value->v.u = audit->pid;
        break;
    case AUDIT_TIME:
        value->v.u = audit->time;
        break;
    default:
        value->v.u = audit->user;
        break;
    }
}

int
read_agent_audit(ctl_call_t *call) {
    if (call->index[0] >= audit_kept()) {
        fmt_str(call->why, "there is no such write; agent.naudit tells how many there were");
        return ENOENT;
    }
    copy_audit(audit_at(call->index[0]), (audit_field_t)call->row->arg, &call->value);
    return 0;
}
