/* request.c -- the word. */
#include "base/request.h"

_Atomic uint32_t request_word;
