/* What the environment says of a board: texts, numbers, and values that change on CLOCK_MONOTONIC. See nvml.c. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

typedef struct { int index; } Board;
typedef struct { char text[1 << 16]; } Text;

double now_s(void);  /* CLOCK_MONOTONIC, after SIMULATED_BOARD_ORIGIN_S: the clock of every other time */

/* The setting of that name, without its prefix: of this board alone (WATTS_1), else of all; NULL where there is none.
 * The text "file:PATH" is what the file holds. */
const char *setting(const Board *board, const char *name, Text *space);
int is_set(const Board *board, const char *name);
_Noreturn void refuse(const char *name, const char *text);  /* end the process: a typing error must not pass for a default */
double number(const Board *board, const char *name, double otherwise);
int has_passed(const Board *board, const char *name);  /* whether the moment in that setting is over */

/* A setting that may be a schedule: its value at a time, and the integral of it (unit times s) from 0 to a time. */
double level(const Board *board, const char *name, double otherwise, double at_s);
double integral(const Board *board, const char *name, double otherwise, double until_s);

#endif
