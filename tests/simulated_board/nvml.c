/* A libnvidia-ml.so.1 without a board behind it: the real pynvml, and so the real Zeus, load it unchanged.
 *
 * Every process sees the same boards, because power is a function of CLOCK_MONOTONIC alone and the energy counter its
 * integral since boot. The environment (read at every call, so that a test may change it) says what they are like.
 *
 * FORMS. NAME_1 is the setting of board 1 alone. "file:PATH" stands for what the file holds (nothing while there is
 * none), so that another process may change its mind. A moment (.._AT_S) is a number of seconds, from then on. A
 * SCHEDULE is one of
 *     300                            a constant
 *     100/600@0.7                    a square wave: low, then high, each for half of the period of 0.7 s
 *     100~600@0.7                    a sine from 100 to 600, that begins half way up
 *     0:300,2:300,2:500,5:400        value 300 at 0 s, ..., straight lines between, level outside; two values at one
 *                                    time are a step; with @PERIOD at the end the part from 0 to it is repeated
 * Times are seconds after SIMULATED_BOARD_ORIGIN_S on CLOCK_MONOTONIC (0: boot), which a test may take for itself and
 * its processes: `origin_s=time.monotonic()`.
 *
 *   SIMULATED_BOARD_ORIGIN_S     see above (0)
 *   SIMULATED_BOARD_COUNT        how many boards (1)
 *   SIMULATED_BOARD_NAME         model name
 *   SIMULATED_BOARD_INIT_ERROR   nvmlReturn_t that nvmlInit answers (9: driver not loaded)
 *
 *   SIMULATED_BOARD_WATTS        SCHEDULE of the true power (300); board n draws n watts more, so that boards can be told
 *                                apart, unless it has watts of its own
 *   SIMULATED_BOARD_GAIN         the sensor says so many times the truth, in the counter and in power (1)
 *
 *   SIMULATED_BOARD_TICK_MS      the counter steps this often (1)
 *   SIMULATED_BOARD_PHASE_MS     the first step comes so long after the origin (0)
 *   SIMULATED_BOARD_QUANTUM_MJ   and by whole multiples of this (1)
 *   SIMULATED_BOARD_RESET_AT_S   the counter starts again from zero
 *   SIMULATED_BOARD_STUCK_AT_S   the counter no longer moves
 *   SIMULATED_BOARD_HASTE_MJ     each reading of the counter less than a tick after this process' one before costs it so much (0)
 *   SIMULATED_BOARD_NO_COUNTER   set: Pascal, which has no energy counter
 *   SIMULATED_BOARD_DENIED       set: reading the energy counter is not permitted
 *   SIMULATED_BOARD_DENIED_AT_S  the permission is taken away
 *
 *   SIMULATED_BOARD_POWER_GAIN      power says so many times what the counter does (1)
 *   SIMULATED_BOARD_POWER_TICK_MS   power is renewed this often (1)
 *   SIMULATED_BOARD_POWER_PHASE_MS  the first time so long after the origin (0)
 *   SIMULATED_BOARD_AVERAGE_MS      "average" power, and nvmlDeviceGetPowerUsage: mean of this long before (1000)
 *   SIMULATED_BOARD_INSTANT_MS      "instant" power is the mean of this long before (25)
 *   SIMULATED_BOARD_NO_POWER        set: power is not supported
 *   SIMULATED_BOARD_READ_MS         each reading of counter or power takes this long, and is of its end (0)
 *
 *   SIMULATED_BOARD_LIMIT_W      SCHEDULE of the power limit in W (700)
 *   SIMULATED_BOARD_CELSIUS      SCHEDULE of the temperature (45)
 *   SIMULATED_BOARD_SM_MHZ       SCHEDULE of the graphics and SM clock (1980)
 *   SIMULATED_BOARD_MEMORY_MHZ   SCHEDULE of the memory clock (2619)
 *   SIMULATED_BOARD_REASONS      SCHEDULE of the clocks event (throttle) reasons, nvmlClocksEventReason.. added up (0)
 *   SIMULATED_BOARD_PROCESSES    compute processes, PID:MIB[@FROM_S[-UNTIL_S]] with commas between: "4242:512@3-5"
 *   SIMULATED_BOARD_MIG          1: MIG mode is on
 *   SIMULATED_BOARD_LOST_AT_S    the board has fallen off the bus: NVML_ERROR_GPU_IS_LOST to whatever is asked of it
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schedule.h"

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
enum { ARCH_PASCAL = 4, ARCH_HOPPER = 9, NO_INSTANCE = -1 };
enum { CLOCK_MEMORY = 2, CLOCK_NOW = 0, MOST_SM_MHZ = 1980, MOST_MEMORY_MHZ = 2619 };
enum { FIELD_ENERGY = 83, FIELD_POWER_AVERAGE = 185, FIELD_POWER_INSTANT = 186, SCOPE_MEMORY = 2 };
enum { VALUE_UNSIGNED_INT = 1, VALUE_UNSIGNED_LONG_LONG = 3 };

typedef struct {
  unsigned int field, scope;
  long long timestamp_us, latency_us;
  unsigned int value_type, status;
  union { double d; unsigned int u; unsigned long long ull; } value;
} Field;
typedef struct {
  unsigned int pid;
  unsigned long long memory_bytes;
  unsigned int gpu_instance, compute_instance;
} Process;

static Board boards[64];
static const Board every_board = {-1};

/* The first thing that each question to a board asks. */
#define BE_THERE(board) do { if (has_passed(board, "LOST_AT_S")) return GPU_IS_LOST; } while (0)

static int answer(char *buffer, unsigned int size, const char *text) {
  if (strlen(text) >= size) return INSUFFICIENT_SIZE;
  strcpy(buffer, text);
  return SUCCESS;
}

static int whole(unsigned int *value, double number) { *value = (unsigned int)llround(number); return SUCCESS; }

static double true_j(const Board *board, double until_s) { /* from the origin, so it is below zero before it */
  char own[64];
  snprintf(own, sizeof own, "SIMULATED_BOARD_WATTS_%d", board->index);
  return integral(board, "WATTS", 300, until_s) + (getenv(own) ? 0 : board->index * until_s);
}

static double stepped_s(const Board *board, const char *tick, const char *phase, double at_s) {
  double tick_s = number(board, tick, 1) / 1000, phase_s = number(board, phase, 0) / 1000;
  return floor((at_s - phase_s) / tick_s) * tick_s + phase_s;
}

static double lost_mj(const Board *board, double at_s) {
  static _Atomic long long last_us[64], hasty_reads[64];
  double haste_mj = number(board, "HASTE_MJ", 0), tick_us = 1000 * number(board, "TICK_MS", 1);
  if (haste_mj <= 0) return 0;
  long long now_us = llround(at_s * 1e6), before_us = atomic_exchange(&last_us[board->index], now_us);
  if (before_us && (double)(now_us - before_us) < tick_us) hasty_reads[board->index]++;
  return (double)hasty_reads[board->index] * haste_mj;
}

static void take_time(const Board *board) {
  double read_s = number(board, "READ_MS", 0) / 1000;
  struct timespec pause = {(time_t)read_s, (long)(fmod(read_s, 1) * 1e9)};
  if (read_s > 0) nanosleep(&pause, NULL);
}

/* library */
int nvmlInitWithFlags(unsigned int flags) { (void)flags; return (int)number(&every_board, "INIT_ERROR", SUCCESS); }
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
int nvmlDeviceGetCount_v2(unsigned int *count) { return whole(count, number(&every_board, "COUNT", 1)); }
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
  BE_THERE(board);
  *arch = is_set(board, "NO_COUNTER") ? ARCH_PASCAL : ARCH_HOPPER;
  return SUCCESS;
}
int nvmlDeviceGetTotalEnergyConsumption(Board *board, unsigned long long *energy_mj) {
  take_time(board);
  BE_THERE(board);
  if (is_set(board, "DENIED") || has_passed(board, "DENIED_AT_S")) return NO_PERMISSION;
  if (is_set(board, "NO_COUNTER")) return NOT_SUPPORTED;
  double at_s = fmin(now_s(), number(board, "STUCK_AT_S", HUGE_VAL)), reset_s = number(board, "RESET_AT_S", HUGE_VAL);
  double since_s = at_s >= reset_s ? reset_s : -number(&every_board, "ORIGIN_S", 0);
  double counted_j = true_j(board, stepped_s(board, "TICK_MS", "PHASE_MS", at_s)) - true_j(board, since_s);
  double quantum_mj = number(board, "QUANTUM_MJ", 1);
  double counted_mj = 1000 * number(board, "GAIN", 1) * counted_j - lost_mj(board, at_s);
  *energy_mj = (unsigned long long)(floor(fmax(0, counted_mj) / quantum_mj) * quantum_mj);
  return SUCCESS;
}
static int power_mw(Board *board, const char *window, double otherwise_ms, unsigned int *power) {
  take_time(board);
  BE_THERE(board);
  if (is_set(board, "NO_POWER")) return NOT_SUPPORTED;
  double until_s = stepped_s(board, "POWER_TICK_MS", "POWER_PHASE_MS", now_s());
  double window_s = number(board, window, otherwise_ms) / 1000;
  double mean_w = (true_j(board, until_s) - true_j(board, until_s - window_s)) / window_s;
  return whole(power, 1000 * mean_w * number(board, "GAIN", 1) * number(board, "POWER_GAIN", 1));
}
int nvmlDeviceGetPowerUsage(Board *board, unsigned int *power) { return power_mw(board, "AVERAGE_MS", 1000, power); }
int nvmlDeviceGetFieldValues(Board *board, int count, Field *fields) {
  struct timespec wall;
  BE_THERE(board);
  for (Field *field = fields; field < fields + count; field++) {
    field->value_type = field->field == FIELD_ENERGY ? VALUE_UNSIGNED_LONG_LONG : VALUE_UNSIGNED_INT;
    int status = NOT_SUPPORTED;
    if (field->scope == SCOPE_MEMORY) status = NOT_SUPPORTED;
    else if (field->field == FIELD_POWER_AVERAGE) status = nvmlDeviceGetPowerUsage(board, &field->value.u);
    else if (field->field == FIELD_POWER_INSTANT) status = power_mw(board, "INSTANT_MS", 25, &field->value.u);
    else if (field->field == FIELD_ENERGY) status = nvmlDeviceGetTotalEnergyConsumption(board, &field->value.ull);
    field->status = (unsigned int)status;
    clock_gettime(CLOCK_REALTIME, &wall); /* NVML: microseconds since 1970 */
    field->timestamp_us = (long long)wall.tv_sec * 1000000 + wall.tv_nsec / 1000;
  }
  return SUCCESS;
}
int nvmlDeviceGetPowerManagementLimit(Board *board, unsigned int *limit_mw) {
  BE_THERE(board);
  return whole(limit_mw, 1000 * level(board, "LIMIT_W", 700, now_s()));
}
int nvmlDeviceGetEnforcedPowerLimit(Board *board, unsigned int *limit_mw) { return nvmlDeviceGetPowerManagementLimit(board, limit_mw); }
int nvmlDeviceGetPowerManagementDefaultLimit(Board *board, unsigned int *limit_mw) { BE_THERE(board); return whole(limit_mw, 700000); }
int nvmlDeviceGetPowerManagementLimitConstraints(Board *board, unsigned int *least_mw, unsigned int *most_mw) {
  BE_THERE(board);
  *least_mw = 200000;
  *most_mw = 700000;
  return SUCCESS;
}

/* what changes while it works */
int nvmlDeviceGetMaxClockInfo(Board *board, unsigned int type, unsigned int *mhz) {
  BE_THERE(board);
  return whole(mhz, type == CLOCK_MEMORY ? MOST_MEMORY_MHZ : MOST_SM_MHZ);
}
int nvmlDeviceGetClockInfo(Board *board, unsigned int type, unsigned int *mhz) {
  BE_THERE(board);
  if (type == CLOCK_MEMORY) return whole(mhz, level(board, "MEMORY_MHZ", MOST_MEMORY_MHZ, now_s()));
  return whole(mhz, level(board, "SM_MHZ", MOST_SM_MHZ, now_s()));
}
int nvmlDeviceGetClock(Board *board, unsigned int type, unsigned int id, unsigned int *mhz) {
  return id == CLOCK_NOW ? nvmlDeviceGetClockInfo(board, type, mhz) : NOT_SUPPORTED;
}
int nvmlDeviceGetCurrentClocksEventReasons(Board *board, unsigned long long *reasons) {
  BE_THERE(board);
  *reasons = (unsigned long long)level(board, "REASONS", 0, now_s());
  return SUCCESS;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Board *board, unsigned long long *reasons) { return nvmlDeviceGetCurrentClocksEventReasons(board, reasons); }
int nvmlDeviceGetSupportedClocksEventReasons(Board *board, unsigned long long *reasons) { BE_THERE(board); *reasons = 0x1ff; return SUCCESS; }
int nvmlDeviceGetSupportedClocksThrottleReasons(Board *board, unsigned long long *reasons) { return nvmlDeviceGetSupportedClocksEventReasons(board, reasons); }
int nvmlDeviceGetTemperature(Board *board, unsigned int sensor, unsigned int *celsius) {
  (void)sensor;
  BE_THERE(board);
  return whole(celsius, floor(level(board, "CELSIUS", 45, now_s())));
}
int nvmlDeviceGetTemperatureV(Board *board, unsigned int *version_sensor_celsius) { return nvmlDeviceGetTemperature(board, 0, version_sensor_celsius + 2); }
int nvmlDeviceGetComputeRunningProcesses_v3(Board *board, unsigned int *count, Process *processes) {
  Text space;
  BE_THERE(board);
  const char *rest = setting(board, "PROCESSES", &space);
  unsigned int room = *count;
  for (*count = 0; rest; rest = strchr(rest, ',') ? strchr(rest, ',') + 1 : NULL) {
    double memory_mib, from_s = -HUGE_VAL, until_s = HUGE_VAL;
    Process process = {0, 0, (unsigned int)NO_INSTANCE, (unsigned int)NO_INSTANCE};
    if (sscanf(rest, "%u:%lf@%lf-%lf", &process.pid, &memory_mib, &from_s, &until_s) < 2) refuse("PROCESSES", rest);
    process.memory_bytes = (unsigned long long)(memory_mib * (1 << 20));
    if (now_s() < from_s || now_s() >= until_s) continue;
    if (*count < room) processes[*count] = process;
    ++*count;
  }
  return *count > room ? INSUFFICIENT_SIZE : SUCCESS;
}
static int nobody(const Board *board, unsigned int *count) { BE_THERE(board); *count = 0; return SUCCESS; }
int nvmlDeviceGetGraphicsRunningProcesses_v3(Board *board, unsigned int *count, Process *processes) { (void)processes; return nobody(board, count); }
int nvmlDeviceGetMPSComputeRunningProcesses_v3(Board *board, unsigned int *count, Process *processes) { (void)processes; return nobody(board, count); }

/* facts */
int nvmlDeviceGetName(Board *board, char *name, unsigned int size) {
  Text space;
  BE_THERE(board);
  const char *text = setting(board, "NAME", &space);
  return answer(name, size, text ? text : "Simulated Board");
}
int nvmlDeviceGetUUID(Board *board, char *uuid, unsigned int size) {
  char text[64];
  BE_THERE(board);
  snprintf(text, sizeof text, "GPU-00000000-0000-0000-0000-%012d", board->index);
  return answer(uuid, size, text);
}
int nvmlDeviceGetVbiosVersion(Board *board, char *version, unsigned int size) { BE_THERE(board); return answer(version, size, "96.00.SIM"); }
int nvmlDeviceGetMemoryInfo(Board *board, unsigned long long *total_free_used) {
  BE_THERE(board);
  total_free_used[0] = 80ULL << 30;
  total_free_used[1] = 79ULL << 30;
  total_free_used[2] = 1ULL << 30;
  return SUCCESS;
}
int nvmlDeviceGetPersistenceMode(Board *board, unsigned int *mode) { BE_THERE(board); *mode = 1; return SUCCESS; }
int nvmlDeviceGetEccMode(Board *board, unsigned int *now, unsigned int *pending) { BE_THERE(board); *now = *pending = 1; return SUCCESS; }
int nvmlDeviceGetMigMode(Board *board, unsigned int *now, unsigned int *pending) {
  BE_THERE(board);
  *now = *pending = number(board, "MIG", 0) != 0;
  return SUCCESS;
}
int nvmlDeviceGetC2cModeInfoV(Board *board, void *info) { (void)board; (void)info; return NOT_SUPPORTED; }
