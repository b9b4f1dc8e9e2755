/* fault.c -- the empty slot. */
#include "os/fault.h"

_Atomic(fault_fn_t) fault_slot;
