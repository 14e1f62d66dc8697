/* A libnvidia-ml.so.1 without a board behind it: the real pynvml, and so the real Zeus, load it unchanged.
 *
 * Every process sees the same boards, because power is a function of CLOCK_MONOTONIC alone and the energy counter its
 * integral since boot. The environment (read at every call, so that a test may change it) says what they are like:
 *
 *   SIMULATED_BOARD_COUNT        how many boards (1)
 *   SIMULATED_BOARD_NAME         model name
 *   SIMULATED_BOARD_WATTS        "300", or "100/600@0.7": low and high watts, each for half of the period in seconds;
 *                                board n draws n watts more, so that boards can be told apart
 *   SIMULATED_BOARD_TICK_MS      the counter steps this often (1)
 *   SIMULATED_BOARD_QUANTUM_MJ   and by whole multiples of this (1)
 *   SIMULATED_BOARD_RESET_AT_S   on CLOCK_MONOTONIC: the counter starts again from zero
 *   SIMULATED_BOARD_NO_COUNTER   set: Pascal, which has no energy counter
 *   SIMULATED_BOARD_DENIED       set: reading the energy counter is not permitted; "lost:1" only board 1, and it is lost
 *   SIMULATED_BOARD_INIT_ERROR   nvmlReturn_t that nvmlInit answers (9: driver not loaded)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
enum { ARCH_PASCAL = 4, ARCH_HOPPER = 9 };
enum { FIELD_POWER_AVERAGE = 185, FIELD_POWER_INSTANT = 186, SCOPE_MEMORY = 2, VALUE_UNSIGNED_INT = 1 };

typedef struct { int index; } Board;
typedef struct {
  unsigned int field, scope;
  long long timestamp_us, latency_us;
  unsigned int value_type, status;
  union { double d; unsigned int u; unsigned long long ull; } value;
} Field;

static Board boards[64];

static double number(const char *name, double otherwise) {
  const char *text = getenv(name);
  return text && *text ? atof(text) : otherwise;
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

typedef struct { double low_w, high_w, period_s; } Trace;

static Trace trace_of(const Board *board) {
  Trace trace;
  const char *text = getenv("SIMULATED_BOARD_WATTS");
  if (!text || sscanf(text, "%lf/%lf@%lf", &trace.low_w, &trace.high_w, &trace.period_s) != 3) {
    trace.low_w = trace.high_w = number("SIMULATED_BOARD_WATTS", 300);
    trace.period_s = 1;
  }
  trace.low_w += board->index;
  trace.high_w += board->index;
  return trace;
}

static double power_w(const Board *board, double at_s) {
  Trace trace = trace_of(board);
  return fmod(at_s, trace.period_s) < trace.period_s / 2 ? trace.low_w : trace.high_w;
}

static double energy_j(const Board *board, double until_s) {
  Trace trace = trace_of(board);
  double half_s = trace.period_s / 2, rest_s = fmod(until_s, trace.period_s);
  double whole = floor(until_s / trace.period_s);
  double part_j = trace.low_w * fmin(rest_s, half_s) + trace.high_w * fmax(0, rest_s - half_s);
  return whole * half_s * (trace.low_w + trace.high_w) + part_j;
}

static int answer(char *buffer, unsigned int size, const char *text) {
  if (strlen(text) >= size) return INSUFFICIENT_SIZE;
  strcpy(buffer, text);
  return SUCCESS;
}

/* library */
int nvmlInitWithFlags(unsigned int flags) { (void)flags; return (int)number("SIMULATED_BOARD_INIT_ERROR", SUCCESS); }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlSystemGetDriverVersion(char *version, unsigned int size) { return answer(version, size, "570.00.simulated"); }
const char *nvmlErrorString(int status) {
  switch (status) {
    case SUCCESS: return "Success";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NO_PERMISSION: return "Insufficient Permissions";
    case 9: return "Driver Not Loaded";
    case GPU_IS_LOST: return "GPU is lost";
    default: return "Simulated Error";
  }
}
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = (unsigned int)number("SIMULATED_BOARD_COUNT", 1); return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, Board **board) {
  unsigned int count;
  nvmlDeviceGetCount_v2(&count);
  if (index >= count || index >= 64) return INVALID_ARGUMENT;
  boards[index].index = (int)index;
  *board = &boards[index];
  return SUCCESS;
}

/* energy and power */
int nvmlDeviceGetArchitecture(Board *board, unsigned int *arch) {
  (void)board;
  *arch = getenv("SIMULATED_BOARD_NO_COUNTER") ? ARCH_PASCAL : ARCH_HOPPER;
  return SUCCESS;
}
int nvmlDeviceGetTotalEnergyConsumption(Board *board, unsigned long long *energy_mj) {
  const char *denied = getenv("SIMULATED_BOARD_DENIED");
  if (denied && strncmp(denied, "lost:", 5) == 0) {
    if (atoi(denied + 5) == board->index) return GPU_IS_LOST;
  } else if (denied) {
    return NO_PERMISSION;
  }
  if (getenv("SIMULATED_BOARD_NO_COUNTER")) return NOT_SUPPORTED;
  double tick_s = number("SIMULATED_BOARD_TICK_MS", 1) / 1000, quantum_mj = number("SIMULATED_BOARD_QUANTUM_MJ", 1);
  double reset_s = number("SIMULATED_BOARD_RESET_AT_S", HUGE_VAL), stepped_s = floor(now_s() / tick_s) * tick_s;
  double since_boot_mj = 1000 * (energy_j(board, stepped_s) - (now_s() >= reset_s ? energy_j(board, reset_s) : 0));
  *energy_mj = (unsigned long long)(floor(fmax(0, since_boot_mj) / quantum_mj) * quantum_mj);
  return SUCCESS;
}
int nvmlDeviceGetPowerUsage(Board *board, unsigned int *power_mw) {
  *power_mw = (unsigned int)(1000 * power_w(board, now_s()));
  return SUCCESS;
}
int nvmlDeviceGetFieldValues(Board *board, int count, Field *fields) {
  for (int i = 0; i < count; i++) {
    int known = fields[i].field == FIELD_POWER_AVERAGE || fields[i].field == FIELD_POWER_INSTANT;
    fields[i].status = known && fields[i].scope != SCOPE_MEMORY ? SUCCESS : NOT_SUPPORTED;
    fields[i].value_type = VALUE_UNSIGNED_INT;
    fields[i].timestamp_us = (long long)(now_s() * 1e6);
    fields[i].value.u = (unsigned int)(1000 * power_w(board, now_s()));
  }
  return SUCCESS;
}
int nvmlDeviceGetPowerManagementLimit(Board *board, unsigned int *limit_mw) { (void)board; *limit_mw = 700000; return SUCCESS; }
int nvmlDeviceGetEnforcedPowerLimit(Board *board, unsigned int *limit_mw) { return nvmlDeviceGetPowerManagementLimit(board, limit_mw); }
int nvmlDeviceGetPowerManagementDefaultLimit(Board *board, unsigned int *limit_mw) { return nvmlDeviceGetPowerManagementLimit(board, limit_mw); }
int nvmlDeviceGetPowerManagementLimitConstraints(Board *board, unsigned int *least_mw, unsigned int *most_mw) {
  (void)board;
  *least_mw = 200000;
  *most_mw = 700000;
  return SUCCESS;
}

/* facts */
int nvmlDeviceGetName(Board *board, char *name, unsigned int size) {
  (void)board;
  const char *text = getenv("SIMULATED_BOARD_NAME");
  return answer(name, size, text ? text : "Simulated Board");
}
int nvmlDeviceGetUUID(Board *board, char *uuid, unsigned int size) {
  char text[64];
  snprintf(text, sizeof text, "GPU-00000000-0000-0000-0000-%012d", board->index);
  return answer(uuid, size, text);
}
int nvmlDeviceGetVbiosVersion(Board *board, char *version, unsigned int size) { (void)board; return answer(version, size, "96.00.SIM"); }
int nvmlDeviceGetMemoryInfo(Board *board, unsigned long long *total_free_used) {
  (void)board;
  total_free_used[0] = 80ULL << 30;
  total_free_used[1] = 79ULL << 30;
  total_free_used[2] = 1ULL << 30;
  return SUCCESS;
}
int nvmlDeviceGetPersistenceMode(Board *board, unsigned int *mode) { (void)board; *mode = 1; return SUCCESS; }
int nvmlDeviceGetEccMode(Board *board, unsigned int *now, unsigned int *pending) { (void)board; *now = *pending = 1; return SUCCESS; }
int nvmlDeviceGetMigMode(Board *board, unsigned int *now, unsigned int *pending) { (void)board; *now = *pending = 0; return SUCCESS; }
int nvmlDeviceGetMaxClockInfo(Board *board, unsigned int type, unsigned int *mhz) { (void)board; *mhz = type == 2 ? 2619 : 1980; return SUCCESS; }
int nvmlDeviceGetClockInfo(Board *board, unsigned int type, unsigned int *mhz) { return nvmlDeviceGetMaxClockInfo(board, type, mhz); }
int nvmlDeviceGetTemperature(Board *board, unsigned int sensor, unsigned int *celsius) { (void)board; (void)sensor; *celsius = 45; return SUCCESS; }
int nvmlDeviceGetTemperatureV(Board *board, unsigned int *version_sensor_celsius) {
  (void)board;
  version_sensor_celsius[2] = 45;
  return SUCCESS;
}
int nvmlDeviceGetC2cModeInfoV(Board *board, void *info) { (void)board; (void)info; return NOT_SUPPORTED; }
