/* Vector table and start-up: FPU on, data and bss, then main. Faults say what and where. */
#include "console.h"

#include <stdint.h>

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];
int main(void);

#define CPACR (*(volatile uint32_t *)0xE000ED88u)
#define VTOR  (*(volatile uint32_t *)0xE000ED08u)
#define CFSR  (*(volatile uint32_t *)0xE000ED28u)
#define HFSR  (*(volatile uint32_t *)0xE000ED2Cu)
#define MMFAR (*(volatile uint32_t *)0xE000ED34u)
#define BFAR  (*(volatile uint32_t *)0xE000ED38u)

void reset_handler(void);
void fault_handler(void);
void fault_report(const uint32_t *frame);
/* Of the program, if it has one. */
void fault_hook(void);
__attribute__((weak)) void ramecc_handler(void)
{
    for (;;) {
    }
}

/* Looks at a fault before it is reported: of the program, if it has one. */
__attribute__((weak)) void fault_hook(void)
{
}

typedef void (*handler)(void);

struct vector_table {
    uint32_t *stack;
    handler handlers[15];
    handler interrupts[156];
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
    {[9] = ramecc_handler},
};

__attribute__((naked)) void fault_handler(void)
{
    __asm volatile("mov r0, sp\n\tb fault_report");
}

void fault_report(const uint32_t *frame)
{
    fault_hook();
    console_text("fault: pc ");
    console_hex(frame[6]);
    console_text(" cfsr ");
    console_hex(CFSR);
    console_text(" hfsr ");
    console_hex(HFSR);
    console_text(" mmfar ");
    console_hex(MMFAR);
    console_text(" bfar ");
    console_hex(BFAR);
    console_text("\n");
    console_flush();
    for (;;) {
        __asm volatile("wfi");
    }
}

/* Before the FPU is on, no function may use it: this one is compiled for core registers only. */
__attribute__((target("general-regs-only"), noreturn)) void reset_handler(void)
{
    VTOR = (uint32_t)&vectors;
    CPACR |= 0xFu << 20;
    __asm volatile("dsb\n\tisb" ::: "memory");

    for (volatile uint32_t *to = data_start, *from = data_load; to < data_end;) {
        *to++ = *from++;
    }
    for (volatile uint32_t *to = bss_start; to < bss_end;) {
        *to++ = 0;
    }
    console_open();
    main();
    console_flush();
    for (;;) {
        __asm volatile("wfi");
    }
}
