/* A program for WASI preview 1: counts words of standard input; its exit code is its first argument. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    int in_word = 0, letter;
    unsigned long words = 0;
    while ((letter = getchar()) != EOF) {
        int is_space = isspace(letter);
        words += !is_space && !in_word;
        in_word = !is_space;
    }
    printf("%lu words\n", words);
    const char *owner = getenv("OWNER");
    fprintf(stderr, "%s for %s\n", arguments[0], owner ? owner : "nobody");
    return count > 1 ? atoi(arguments[1]) : 0;
}
