/* Every call reads the environment afresh and keeps nothing, so threads need no lock and a test may change its mind. */
#define _POSIX_C_SOURCE 200809L
#include "schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_POINTS = 4096 };
static const double PI = 3.14159265358979323846;

/* Points in ascending order, joined by straight lines and level outside; from 0 to the period for ever, unless that is
 * 0. A sine has two points, its lowest and highest value. */
typedef struct {
  int count, sine;
  double period_s;
  struct { double at_s, value; } points[MOST_POINTS];
} Schedule;

_Noreturn void refuse(const char *name, const char *text) {
  fprintf(stderr, "simulated board: SIMULATED_BOARD_%s=%.200s cannot be read; see nvml.c for its forms\n", name, text);
  abort();
}

static const char *from_file(const char *path, Text *space) {
  FILE *file = fopen(path, "r");
  if (!file) return NULL;
  size_t length = fread(space->text, 1, sizeof space->text - 1, file);
  fclose(file);
  space->text[length] = 0;
  return length ? space->text : NULL;
}

const char *setting(const Board *board, const char *name, Text *space) {
  char own[80], common[64];
  snprintf(own, sizeof own, "SIMULATED_BOARD_%s_%d", name, board->index);
  snprintf(common, sizeof common, "SIMULATED_BOARD_%s", name);
  const char *text = getenv(own) ? getenv(own) : getenv(common);
  if (!text || !*text) return NULL;
  return strncmp(text, "file:", 5) == 0 ? from_file(text + 5, space) : text;
}

int is_set(const Board *board, const char *name) {
  Text space;
  return setting(board, name, &space) != NULL;
}

double number(const Board *board, const char *name, double otherwise) {
  Text space;
  char *end;
  const char *text = setting(board, name, &space);
  if (!text) return otherwise;
  double value = strtod(text, &end);
  if (end == text || end[strspn(end, " \n")]) refuse(name, text);
  return value;
}

double now_s(void) {
  struct timespec now;
  Board every = {-1};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec - number(&every, "ORIGIN_S", 0) + (double)now.tv_nsec * 1e-9;
}

int has_passed(const Board *board, const char *name) { return now_s() >= number(board, name, HUGE_VAL); }

static void append(Schedule *schedule, double at_s, double value) {
  schedule->points[schedule->count].at_s = at_s;
  schedule->points[schedule->count++].value = value;
}

static void read_points(Schedule *schedule, const char *name, const char *text) {
  char *colon, *end;
  for (const char *rest = text; *rest && *rest != '@'; rest = end + strspn(end, ", \n")) {
    double at_s = strtod(rest, &colon), value = *colon == ':' ? strtod(colon + 1, &end) : 0;
    if (colon == rest || *colon != ':' || end == colon + 1 || schedule->count == MOST_POINTS) refuse(name, text);
    if (schedule->count && at_s < schedule->points[schedule->count - 1].at_s) refuse(name, text);
    append(schedule, at_s, value);
  }
  if (!schedule->count) refuse(name, text);
}

static void read(const Board *board, const char *name, double otherwise, Schedule *schedule) {
  Text space;
  double low, high, period_s;
  const char *text = setting(board, name, &space), *period = text ? strchr(text, '@') : NULL;
  schedule->count = schedule->sine = 0;
  schedule->period_s = period ? atof(period + 1) : 0;
  if (period && schedule->period_s <= 0) refuse(name, text);
  if (text && sscanf(text, "%lf/%lf@%lf", &low, &high, &period_s) == 3) {
    append(schedule, 0, low);
    append(schedule, period_s / 2, low);
    append(schedule, period_s / 2, high);
    append(schedule, period_s, high);
  } else if (text && sscanf(text, "%lf~%lf@%lf", &low, &high, &period_s) == 3) {
    schedule->sine = 1;
    append(schedule, 0, low);
    append(schedule, 0, high);
  } else if (text && strchr(text, ':')) {
    read_points(schedule, name, text);
  } else {
    append(schedule, 0, number(board, name, otherwise));
  }
}

static double points_level(const Schedule *schedule, double at_s) {
  int last = schedule->count - 1, index = 0;
  if (at_s < schedule->points[0].at_s) return schedule->points[0].value;
  while (index < last && schedule->points[index + 1].at_s <= at_s) index++;
  if (index == last) return schedule->points[last].value;
  double width_s = schedule->points[index + 1].at_s - schedule->points[index].at_s;
  double rise = schedule->points[index + 1].value - schedule->points[index].value;
  return schedule->points[index].value + rise * (at_s - schedule->points[index].at_s) / width_s;
}

static double points_integral(const Schedule *schedule, double until_s) { /* from the first point */
  int last = schedule->count - 1, index = 0;
  double sum = 0;
  if (until_s < schedule->points[0].at_s) return schedule->points[0].value * (until_s - schedule->points[0].at_s);
  for (; index < last && schedule->points[index + 1].at_s <= until_s; index++) {
    double width_s = schedule->points[index + 1].at_s - schedule->points[index].at_s;
    sum += width_s * (schedule->points[index].value + schedule->points[index + 1].value) / 2;
  }
  double rest_s = until_s - schedule->points[index].at_s;
  return sum + rest_s * (schedule->points[index].value + points_level(schedule, until_s)) / 2;
}

double level(const Board *board, const char *name, double otherwise, double at_s) {
  Schedule schedule;
  read(board, name, otherwise, &schedule);
  if (schedule.period_s > 0) at_s -= floor(at_s / schedule.period_s) * schedule.period_s;
  if (!schedule.sine) return points_level(&schedule, at_s);
  double middle = (schedule.points[0].value + schedule.points[1].value) / 2;
  return middle + (schedule.points[1].value - middle) * sin(2 * PI * at_s / schedule.period_s);
}

double integral(const Board *board, const char *name, double otherwise, double until_s) {
  Schedule schedule;
  read(board, name, otherwise, &schedule);
  double periods = schedule.period_s > 0 ? floor(until_s / schedule.period_s) : 0;
  double rest_s = until_s - periods * schedule.period_s;
  if (schedule.sine) {
    double middle = (schedule.points[0].value + schedule.points[1].value) / 2;
    double swing = (schedule.points[1].value - middle) * schedule.period_s / (2 * PI);
    return middle * until_s + swing * (1 - cos(2 * PI * rest_s / schedule.period_s));
  }
  double start = points_integral(&schedule, 0);
  double whole = periods * (points_integral(&schedule, schedule.period_s) - start);
  return whole + points_integral(&schedule, rest_s) - start;
}
