/* Makes a module of tasks: the functions of the contract's `runner`, and what becomes of failures, logs and assertions.
 * Nothing here is about any one task; copy it as it is. */
#include "runner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/task_module.h"

/* Longest text of one message, in bytes; longer ones are cut. */
enum { MESSAGE_BYTES = 512 };

/* Most lines of one trace; more are dropped. */
enum { TRACE_LINES = 16 };

struct answer {
    task_module_list_u8_t value;
    exports_isopool_task_runner_failure_t failure;
};

/* ── The last words ─────────────────────────────────────────────────────────────────────────────────────────────── */

/* Ends the task as a panic: the caller learns the message and the place. */
static _Noreturn void panic(const char *message, const char *file, int line) {
    isopool_task_host_panic_t last = {.line = (uint32_t)line, .column = 0};
    task_module_string_set(&last.message, message);
    last.file.is_some = true;
    task_module_string_set(&last.file.val, file);
    isopool_task_host_panicked(&last);
    __builtin_trap();
}

/* What `assert` calls. The one of libc would print, and a module that prints must import WASI. */
_Noreturn void __assert_fail(const char *condition, const char *file, int line, const char *function) {
    char message[MESSAGE_BYTES];
    snprintf(message, sizeof message, "assertion failed in %s: %s", function, condition);
    panic(message, file, line);
}

static void *allocate(size_t length) {
    /* Not 0: the canonical ABI wants an address even of nothing. */
    void *at = malloc(length > 0 ? length : 1);
    if (at == NULL) panic("out of memory", __FILE__, __LINE__);
    return at;
}

/* ── How a task ends ────────────────────────────────────────────────────────────────────────────────────────────── */

bool value(answer *answer, const void *at, size_t length) {
    answer->value.ptr = allocate(length);
    answer->value.len = length;
    memcpy(answer->value.ptr, at, length);
    return true;
}

static task_module_string_t text(const char *format, va_list arguments) {
    char message[MESSAGE_BYTES];
    vsnprintf(message, sizeof message, format, arguments);
    task_module_string_t copy;
    copy.len = strlen(message);
    copy.ptr = allocate(copy.len);
    memcpy(copy.ptr, message, copy.len);
    return copy;
}

static void fail(answer *answer, exports_isopool_task_runner_failure_kind_t kind, const char *format, va_list arguments) {
    answer->failure.kind = kind;
    answer->failure.message = text(format, arguments);
}

bool failure(answer *answer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fail(answer, EXPORTS_ISOPOOL_TASK_RUNNER_FAILURE_KIND_FAILED, format, arguments);
    va_end(arguments);
    return false;
}

bool wrong_argument(answer *answer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fail(answer, EXPORTS_ISOPOOL_TASK_RUNNER_FAILURE_KIND_ARGUMENT_CODEC, format, arguments);
    va_end(arguments);
    return false;
}

void because(answer *answer, const char *format, ...) {
    task_module_list_string_t *trace = &answer->failure.trace;
    if (trace->ptr == NULL) trace->ptr = allocate(TRACE_LINES * sizeof *trace->ptr);
    if (trace->len == TRACE_LINES) return;
    va_list arguments;
    va_start(arguments, format);
    trace->ptr[trace->len++] = text(format, arguments);
    va_end(arguments);
}

void log_at(enum level level, const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    isopool_task_host_log_record_t record = {.level = (isopool_task_host_level_t)level, .message = text(format, arguments)};
    va_end(arguments);
    task_module_string_set(&record.target, "tasks");
    record.file.is_some = true;
    task_module_string_set(&record.file.val, file);
    record.line.is_some = true;
    record.line.val = (uint32_t)line;
    isopool_task_host_log(&record);
    task_module_string_free(&record.message);
}

/* ── The functions of the contract ──────────────────────────────────────────────────────────────────────────────── */

/* The bindings free what is returned, so each text is a copy. */
static task_module_string_t copied(const char *text) {
    task_module_string_t copy;
    task_module_string_dup(&copy, text);
    return copy;
}

void exports_isopool_task_runner_functions(exports_isopool_task_runner_list_function_t *ret) {
    ret->len = task_count;
    ret->ptr = allocate(task_count * sizeof *ret->ptr);
    for (size_t i = 0; i < task_count; i++) {
        exports_isopool_task_runner_function_t *function = &ret->ptr[i];
        function->name = copied(tasks[i].name);
        function->signature = copied(tasks[i].signature);
        function->docs = copied(tasks[i].docs);
        function->codecs.ptr = allocate(2 * sizeof *function->codecs.ptr);
        function->codecs.len = 0;
        if (tasks[i].json != NULL) function->codecs.ptr[function->codecs.len++] = copied("json");
        if (tasks[i].raw != NULL) function->codecs.ptr[function->codecs.len++] = copied("raw");
    }
}

static bool is(const task_module_string_t *text, const char *other) {
    return text->len == strlen(other) && memcmp(text->ptr, other, text->len) == 0;
}

static const task *find(const task_module_string_t *name) {
    for (size_t i = 0; i < task_count; i++) {
        if (is(name, tasks[i].name)) return &tasks[i];
    }
    return NULL;
}

/* Runs the task. A name or a codec that is not there has no message: the caller knows what it asked for. */
static bool run(const task_module_string_t *name, const task_module_string_t *codec, bytes argument, answer *answer) {
    const task *task = find(name);
    if (task == NULL) {
        answer->failure.kind = EXPORTS_ISOPOOL_TASK_RUNNER_FAILURE_KIND_UNKNOWN_FUNCTION;
        return false;
    }
    task_function *function = is(codec, "json") ? task->json : is(codec, "raw") ? task->raw : NULL;
    if (function == NULL) {
        answer->failure.kind = EXPORTS_ISOPOOL_TASK_RUNNER_FAILURE_KIND_UNKNOWN_CODEC;
        return false;
    }
    return function(argument, answer);
}

bool exports_isopool_task_runner_run(task_module_string_t *function, task_module_string_t *codec,
                                     task_module_list_u8_t *argument, task_module_list_u8_t *ret,
                                     exports_isopool_task_runner_failure_t *err) {
    answer answer = {0};
    bool ok = run(function, codec, (bytes){argument->ptr, argument->len}, &answer);
    *ret = answer.value;
    *err = answer.failure;
    /* What came in is this side's own. An instance that is used again must not grow from task to task. */
    task_module_string_free(function);
    task_module_string_free(codec);
    task_module_list_u8_free(argument);
    return ok;
}
