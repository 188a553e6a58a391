/* Vector table and start-up: FPU on, data and bss, then main. Faults stop in a loop that a debugger finds. */
#include <stdint.h>

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];
int main(void);

#define CPACR (*(volatile uint32_t *)0xE000ED88u)

void reset_handler(void);
void fault_handler(void);

typedef void (*handler)(void);

struct vector_table {
    uint32_t *stack;
    handler handlers[15];
};

__attribute__((section(".vectors"), used)) const struct vector_table vectors = {
    stack_top,
    {
        reset_handler,
        fault_handler, /* NMI */
        fault_handler, /* HardFault */
        fault_handler, /* MemManage */
        fault_handler, /* BusFault */
        fault_handler, /* UsageFault */
    },
};

void fault_handler(void)
{
    for (;;) {
    }
}

/* Before the FPU is on, no function may use it: this one is compiled for core registers only. */
__attribute__((target("general-regs-only"), noreturn)) void reset_handler(void)
{
    CPACR |= 0xFu << 20;
    __asm volatile("dsb\n\tisb" ::: "memory");

    for (volatile uint32_t *to = data_start, *from = data_load; to < data_end;) {
        *to++ = *from++;
    }
    for (volatile uint32_t *to = bss_start; to < bss_end;) {
        *to++ = 0;
    }
    main();
    for (;;) {
        __asm volatile("wfi");
    }
}
