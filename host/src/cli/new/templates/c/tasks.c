/* Tasks in C. Each call of one has a memory of its own: nothing that one leaves is there for the next. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "runner.h"

static bool is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* A task takes bytes and answers with `value` or `failure`. */
static bool word_count(bytes text, answer *answer) {
    uint64_t words = 0;
    bool inside = false;
    for (size_t i = 0; i < text.length; i++) {
        bool letter = !is_space(text.at[i]);
        words += letter && !inside;
        inside = letter;
    }
    LOG(DEBUG, "%" PRIu64 " words in %zu bytes", words, text.length);
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, words);
    return value(answer, digits, (size_t)length);
}

/* The byte that an ASCII letter stands for in the code of Caesar. */
static uint8_t rotated(uint8_t byte) {
    if (byte >= 'a' && byte <= 'z') return (uint8_t)('a' + (byte - 'a' + 13) % 26);
    if (byte >= 'A' && byte <= 'Z') return (uint8_t)('A' + (byte - 'A' + 13) % 26);
    return byte;
}

static bool rot13(bytes text, answer *answer) {
    uint8_t turned[4096];
    if (text.length > sizeof turned) {
        return failure(answer, "the text has %zu bytes, more than %zu", text.length, sizeof turned);
    }
    for (size_t i = 0; i < text.length; i++) {
        /* A byte that is no ASCII ends the task as a panic, with file and line. */
        assert(text.at[i] < 0x80);
        turned[i] = rotated(text.at[i]);
    }
    return value(answer, turned, text.length);
}

const task tasks[] = {
    {
        .name = "word_count",
        .signature = "uint64_t word_count(bytes text)",
        .docs = "Counts the words of a text: what stands between white space.",
        .raw = word_count,
    },
    {
        .name = "rot13",
        .signature = "bytes rot13(bytes text)",
        .docs = "A text of ASCII with its letters moved by 13.",
        .raw = rot13,
    },
};

const size_t task_count = sizeof tasks / sizeof tasks[0];
