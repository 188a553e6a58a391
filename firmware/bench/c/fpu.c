/* Floating point, single and double: products of matrices, Newton's method, series, newlib's functions, conversions and
 * comparisons. Written in C because its compiler knows the M7's double-precision unit and brings a mathematical library, and
 * because code of a second compiler exercises other instructions. */

#include <math.h>
#include <stdint.h>

#ifndef ROUNDS
#define ROUNDS 400
#endif
#define N 8

extern uint32_t stack_top[];
void reset(void);
void hang(void);
void bench_begin(void);
void bench_end(void);

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    stack_top, reset, hang, hang, hang, hang, hang, 0, 0, 0, 0, hang, hang, 0, hang, hang,
};

static void call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void hang(void)
{
    call(0x18, (const void *)0x20023);
    for (;;)
        __asm__ volatile("wfi");
}

__attribute__((noinline)) void bench_begin(void) { __asm__ volatile(""); }
__attribute__((noinline)) void bench_end(void) { __asm__ volatile(""); }

static float fa[N][N], fb[N][N], fc[N][N];
static double da[N][N], db[N][N], dc[N][N];
static volatile uint32_t seed = 1;

static uint32_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed;
}

static void fill(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            fa[i][j] = (float)(int32_t)next() / 65536.0f;
            fb[i][j] = (float)next() * 1e-5f;
            da[i][j] = (double)(int32_t)next() / 3.0;
            db[i][j] = ldexp((double)next(), (int)(next() & 63) - 64);
        }
}

static void multiply(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            float f = 0;
            double d = 0;
            for (int k = 0; k < N; k++) {
                f += fa[i][k] * fb[k][j];
                d = __builtin_fma(da[i][k], db[k][j], d);
            }
            fc[i][j] = f;
            dc[i][j] = d - (double)f;
        }
}

static double newton(double x)
{
    double y = x > 1 ? x / 2 : 1;
    for (int i = 0; i < 20; i++)
        y = (y + x / y) / 2;
    return y;
}

static float series(float x)
{
    float sum = 0, term = x;
    for (int k = 1; k < 12; k++) {
        sum += term;
        term *= -x * x / (float)(2 * k * (2 * k + 1));
    }
    return sum;
}

static uint32_t mix(uint32_t hash, uint32_t value) { return (hash ^ value) * 16777619u; }

static uint32_t bits(float value)
{
    uint32_t word;
    __builtin_memcpy(&word, &value, 4);
    return word;
}

static uint32_t bits64(double value)
{
    uint64_t word;
    __builtin_memcpy(&word, &value, 8);
    return (uint32_t)(word ^ (word >> 32));
}

/* One result word over everything; every intermediate is seen by the comparison after each instruction anyway. */
static uint32_t work(void)
{
    uint32_t hash = 2166136261u;
    for (int round = 0; round < ROUNDS; round++) {
        fill();
        multiply();
        for (int i = 0; i < N; i++) {
            float f = fc[i][i];
            double d = dc[i][N - 1 - i];
            hash = mix(hash, bits(f));
            hash = mix(hash, bits64(d));
            hash = mix(hash, bits64(newton(fabs(d))));
            hash = mix(hash, bits(series(f / 1e6f)));
            hash = mix(hash, (uint32_t)(int32_t)(f * 1e-3f));
            hash = mix(hash, (uint32_t)fabs(d));
            hash = mix(hash, (uint32_t)(int64_t)(d * 1e-2));
            hash = mix(hash, bits((float)d));
            hash = mix(hash, (f < (float)d) + 2 * (f >= 0) + 4 * (d != d) + 8 * (d > 1e3));
            hash = mix(hash, bits64(sqrt(fabs(d)) + floor(d) - trunc((double)f) + rint(d / 7)));
            hash = mix(hash, bits64(sin(d * 1e-9) * cos((double)f) + exp(-(double)i) + log(fabs(d) + 1)));
            hash = mix(hash, bits(sinf(f) + powf(fabsf(f) + 1, 0.3f) + atan2f(f, (float)i)));
            hash = mix(hash, bits64(pow(fabs(d) + 0.5, 0.7) + atan(d) + fmod(d, 3.7)));
            hash = mix(hash, bits(fminf(f, (float)i) + fmaxf(f, -1.5f) + roundf(f)));
        }
    }
    return hash;
}

/* Not part of `reset`: its prologue may save floating-point registers, which must be enabled first. */
__attribute__((noinline)) static void program(void)
{
    extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[];
    for (uint32_t *to = data_start, *from = data_load; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    bench_begin();
    volatile uint32_t hash = work();
    (void)hash;
    bench_end();
    call(0x04, "bench fpu ok\n");
    call(0x18, (const void *)0x20026);
}

void reset(void)
{
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb");
    program();
    hang();
}
