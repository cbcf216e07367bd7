/* What a file of tasks needs: the shape of a task, and the ways to end one. `runner.c` makes a module of them. */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to someone else. */
typedef struct {
    const uint8_t *at;
    size_t length;
} bytes;

/* How a task ends: a value, or a failure. */
typedef struct answer answer;

/* A task in one codec: reads its argument, answers, and says whether that was a value. */
typedef bool task_function(bytes argument, answer *answer);

typedef struct {
    const char *name;
    /* As C has it; callers in other languages do not check it. */
    const char *signature;
    const char *docs;
    /* The argument is JSON: an array of all arguments. The value is JSON. NULL: not spoken. */
    task_function *json;
    /* The argument is one buffer, and so is the value. NULL: not spoken. */
    task_function *raw;
} task;

/* Every task of the module; `tasks.c` has them. */
extern const task tasks[];
extern const size_t task_count;

/* The value of a task; it is copied. Returns true. */
bool value(answer *answer, const void *at, size_t length);

/* A failure, in words as for `printf`. Returns false, for `return failure(…)`. */
bool failure(answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The argument is not what the task takes. Returns false. */
bool wrong_argument(answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a line to the trace of a failure, the outermost cause first. */
void because(answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A log record for the caller: LOG(INFO, "%d left", n). */
enum level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG, LEVEL_TRACE };
void log_at(enum level level, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define LOG(level, ...) log_at(LEVEL_##level, __FILE__, __LINE__, __VA_ARGS__)

#endif
