/* What the debugger is shown: calls, a double, watched variables, an interrupt and a fault. */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define CPACR REG(0xE000ED88)
#define SHCSR REG(0xE000ED24)
#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)

extern uint32_t stack_top;

volatile uint32_t written;
volatile uint32_t read_only;
volatile uint32_t both;
volatile uint32_t ticks;
volatile uint32_t faults;
volatile double product;

void systick_handler(void) {
    SYST_CSR = 0;
    ticks = ticks + 1;
}

void bus_fault_handler(void) {
    faults = faults + 1;
    for (;;) {
    }
}

__attribute__((noinline)) uint32_t add(uint32_t a, uint32_t b) {
    uint32_t sum = a + b;
    return sum;
}

__attribute__((noinline)) double multiply(double a, double b) {
    return a * b;
}

__attribute__((noinline)) void wait_for_tick(void) {
    SYST_RVR = 100;
    SYST_CVR = 0;
    SYST_CSR = 7;
    while (ticks == 0) {
    }
}

__attribute__((noinline)) uint32_t read_nothing(void) {
    return REG(0x30100000);
}

int main(void) {
    written = 0x1234;
    both = read_only + 1;
    product = multiply(1.5, 2.5);
    written = add(written, 1);
    wait_for_tick();
    written = add(written, 1);
    SHCSR = 1u << 17;
    written = read_nothing();
    return 0;
}

void reset_handler(void) {
    CPACR = 0xFu << 20;
    __asm volatile("dsb\n isb");
    written = read_only = both = ticks = faults = 0;
    main();
    for (;;) {
    }
}

__attribute__((used, section(".vectors"))) void *const vectors[16] = {
    &stack_top, reset_handler, 0, bus_fault_handler, 0, bus_fault_handler, 0, 0,
    0, 0, 0, 0, 0, 0, 0, systick_handler,
};
